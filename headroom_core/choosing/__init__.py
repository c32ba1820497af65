"""Which records of a large collection are kept, and what is told of the rest.

Rule of the room: what is kept depends on the records and on the question before them, and on nothing else.
"""
