"""What is fuzzed: a module a target, each with a class `Target`.

A target makes its seed inputs when it is created. `write` puts the input of one try into a folder,
and `check` runs featscape on that folder: whatever `check` raises is a failure.
"""
