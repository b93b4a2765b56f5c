"""What begins alike is forgotten together, and nothing else."""

NAMES = ("a", "ab", "aB", "a%", "a%b", "a_b", "a*b", "a?b", "a[b]c", "a\\b", "axb", "b")


class Purges:
    """`purge`."""

    def test_what_begins_so_is_forgotten(self):
        """And counted; what is in another namespace stays."""
        store = self.make()
        for key in ("cache:a", "cache:b", "cached:a", "other:a"):
            self.run(store.put(key, b"one", 10.0))
        assert self.run(store.purge("cache:")) == 2
        left = [key for key in ("cache:a", "cache:b", "cached:a", "other:a") if self.run(store.get(key))]
        assert left == ["cached:a", "other:a"]
        assert self.run(store.purge("cache:")) == 0

    def test_no_sign_stands_for_others(self):
        """Whatever a store's own language of patterns takes for one; and small is not large."""
        for prefix in NAMES:
            store = self.make()
            for name in NAMES:
                self.run(store.put(f"x:{name}", b"one", 10.0))
            gone = [name for name in NAMES if name.startswith(prefix)]
            assert self.run(store.purge(f"x:{prefix}")) == len(gone)
            assert [name for name in NAMES if self.run(store.get(f"x:{name}")) is None] == gone

    def test_only_what_holds_the_rest_is_forgotten(self):
        """Wherever behind the beginning, and to the letter."""
        store = self.make()
        names = ("x:a:k1:b", "x:a:k1", "x:k1:b", "x:a:k2:b", "x:a:K1:b", "y:a:k1:b", "x:a:k%:b")
        for key in names:
            self.run(store.put(key, b"one", 10.0))
        assert self.run(store.purge("x:", ":k1:")) == 2
        assert [key for key in names if self.run(store.get(key)) is None] == ["x:a:k1:b", "x:k1:b"]
        assert self.run(store.purge("x:a:", "%")) == 1

    def test_all_kinds_are_forgotten(self):
        """Bytes, logs and sums."""
        store = self.make()
        self.run(store.claim("x:a", b"one", 10.0))
        self.run(store.append("x:b", [b"one"], 10.0))
        self.run(store.add("x:c", {"n": 1}, 10.0))
        assert self.run(store.purge("x:")) == 3
        assert self.run(store.claim("x:a", b"two", 10.0)) is None
        assert self.run(store.read("x:b")) == []
        assert self.run(store.add("x:c", {"n": 1}, 10.0)) == {"n": 1}

    def test_many_are_forgotten(self):
        """More than a store takes in one step."""
        store = self.make()
        self.at_once([store.put(f"x:{n}", b"", 10.0) for n in range(2_500)])
        self.run(store.put("y:1", b"", 10.0))
        assert self.run(store.purge("x:")) == 2_500
        assert self.run(store.get("y:1")) is not None
