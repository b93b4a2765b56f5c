"""One pattern per file: its frozen config, its small machine, its short layer. None of them imports another."""
