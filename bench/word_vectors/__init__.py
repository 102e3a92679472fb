"""Word vectors beside gensim and fastText: speed and quality."""
