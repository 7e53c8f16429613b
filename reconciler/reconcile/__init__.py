"""The loop: observe, decide, apply; knows the store and the repository by two ports alone."""
