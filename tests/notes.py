"""A progress without a screen whose notes a test can read."""

from featscape.progress import SilentProgress


class Notes(SilentProgress):
    """Keeps the notes in `lines`."""

    def __init__(self):
        self.lines = []

    def note(self, text):
        """Keep a note."""
        self.lines.append(text)
