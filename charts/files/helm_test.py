# Run by `helm test`: the operator is ready, and its metrics say which one it is.
import os
import sys
import time
import urllib.error
import urllib.request

deadline = time.monotonic() + 60
while True:
    try:
        for path, wanted in (("/readyz", "ok"), ("/metrics", "cbbot_operator_build_info")):
            with urllib.request.urlopen(os.environ["OPERATOR"] + path, timeout=5) as answer:
                said = answer.read().decode()
            if wanted not in said:
                sys.exit(f"{path} answers without {wanted}: {said[:200]}")
        print("the operator is ready and tells its metrics")
        break
    except urllib.error.HTTPError as error:
        reason = error.read().decode()[:200]
    except OSError as error:
        reason = str(error)
    if time.monotonic() > deadline:
        sys.exit(f"the operator is not ready: {reason}")
    time.sleep(2)
