"""What each vendor looks like from outside: what it refuses, what it answers, and in which words."""
