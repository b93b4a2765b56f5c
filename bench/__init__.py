"""This gateway beside its peers: one machine, one upstream, one load, rounds taken in turn.

    core 1                        core 0                         core 1
    wrk or our client ──────────▶ the peer under test ─────────▶ upstream.c
                                  its CPU and memory, told
                                  by the kernel

`python -m bench --help` says how to run it; `bench/README.md` what it measures.
"""
