"""Text messages: one segment of plain letters, with consent alone, sent once or not at all."""
