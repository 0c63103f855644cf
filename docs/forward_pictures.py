"""Draw the pictures of the page on forward design, with its own code: python docs/forward_pictures.py"""

import os
import re
from pathlib import Path

DOCS = Path(__file__).parent
page = (DOCS / "forward.md").read_text(encoding="utf-8")
os.chdir(DOCS / "images")
found = {"__name__": "page"}
for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
    exec(block, found)
