"""How good the answers of a network are on data, and of a cascade of networks."""
