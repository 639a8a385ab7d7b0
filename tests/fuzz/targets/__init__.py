"""The targets of the fuzzing program: one module per target, with the class `Target`.

The constructor of a target writes the seed inputs. `write` writes the input of one try to a folder.
`check` runs featscape on this folder; an exception is a failure.
"""
