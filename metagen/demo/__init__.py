"""The whole chain on a small device."""

from metagen.demo.chain import Demo as Demo
