"""Features of many guarantee-months, by Vouch and by what a user would write instead."""
