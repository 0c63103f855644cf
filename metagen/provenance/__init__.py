"""What made a file, and what made that."""

from metagen.provenance import passport as passport
