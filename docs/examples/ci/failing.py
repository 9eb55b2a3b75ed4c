"""List the failing verdicts of a report."""

import json
import sys
from pathlib import Path

document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
for result in document["results"]:
    if result["fails"]:
        sys.stdout.write(f"{result['verdict']}: {result['scenario']}\n")
        sys.stdout.write(f"  {result['replay']}\n")
