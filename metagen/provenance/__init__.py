"""The passport of a file: what made it, and what made its inputs."""

from metagen.provenance import passport as passport
