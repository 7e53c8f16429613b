"""The only room that speaks SQL: guarded state, its migrations, and a server of its own when none is given."""
