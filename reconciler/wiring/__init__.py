"""Puts the parts together: from settings to an open repository, a migrated store and the plan between them."""
