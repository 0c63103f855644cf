"""Pictures and pages: what every stage has made, as figures and as one HTML file."""

from metagen.report import plot as plot
