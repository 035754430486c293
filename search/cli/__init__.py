"""The command line: a module for each command, with its flags and what it prints."""
