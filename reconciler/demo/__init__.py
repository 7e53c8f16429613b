"""The whole ring in a minute, for people who see it for the first time: nothing here is a stand-in."""
