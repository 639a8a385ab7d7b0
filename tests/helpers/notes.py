"""A progress that stores its notes."""

from featscape.progress import SilentProgress


class Notes(SilentProgress):
    """A silent progress that stores its notes in `lines`."""

    def __init__(self):
        self.lines = []

    def note(self, text):
        """Store a note."""
        self.lines.append(text)
