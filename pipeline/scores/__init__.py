"""The second level: from the indices of each moment to sessions, days and scores of a person.

All of it is pure: a day's scores follow from that day's indices, its markers, the person's profile and the facts of the
days before, and from nothing else. So live, replayed and recomputed days are equal to the last bit.
"""
