"""The only room that speaks git: a revision's files, its place in history and what its messages remember."""
