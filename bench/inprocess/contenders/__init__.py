"""The contenders: one file for each library, so that a worker imports no more than its own.

Each is an async context manager that is given the address of an upstream and gives a `Work`.
"""
