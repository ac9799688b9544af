"""
What several machines use.

Keys and their names, the pointer, the log of delivered input, the door for the input of other processes, the keeper
of child processes.
"""
