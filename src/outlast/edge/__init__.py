"""Input and output: the real clock, the real dice, and our own HTTP/1.1 client. Here and nowhere else."""
