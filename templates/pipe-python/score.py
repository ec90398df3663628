import hashlib
import json
import math
import os
import sys

SECRET = os.environ.get("SECRET", "")


def noise(index):
    return hashlib.sha256(f"{SECRET}/{index}".encode()).digest()[0] / 256


sequence = [round(20 * math.sin(index / 30) + 8 * (noise(index) - 0.5)) for index in range(300)]
mistakes = 0.0
for index, following in enumerate(sequence):
    print(json.dumps({"ask": sequence[max(0, index - 16) : index]}), flush=True)
    answer = json.loads(sys.stdin.readline())["answer"]
    if isinstance(answer, bool) or not isinstance(answer, (int, float)) or not math.isfinite(answer):
        sys.exit(f"answer {index} is no number")
    mistakes += min(50, abs(answer - following))
print(json.dumps({"metrics": {"mistakes": mistakes / len(sequence)}}), flush=True)
