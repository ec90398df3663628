import json
import sys

MEMORY = 1  # 1 .. 16, how many of the last numbers count

print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    frame = json.loads(line)
    last = frame["ask"][-MEMORY:]
    answer = round(sum(last) / len(last)) if last else 0
    print(json.dumps({"id": frame["id"], "answer": answer}), flush=True)
