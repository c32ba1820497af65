"""What a question is about, and which lines of a text it is about."""
