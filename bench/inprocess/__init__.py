"""What a call costs inside one process: ours, and the libraries that applications use today.

    this process            one worker for each contender, in an environment with pinned versions
    ────────────            ─────────────────────────────────────────────────────────────────────
    round 1   calls ──▶     tenacity     ──▶ CPU that the kernel has charged, calls that did their work
              calls ──▶     the engine   ──▶ …
              calls ──▶     the SDK      ──▶ …        ──▶ upstream on the other core
    round 2   calls ──▶     tenacity     ──▶ …

Workers take turns, so that what else happens on the machine happens to all of them. `python -m bench.inprocess --help`
says how to run it.
"""
