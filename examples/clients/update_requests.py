# For people that several programs or machines share, over a running `facevault serve`. A program that uses them alone
# takes the package `facevault` instead (docs/python.md): the same engine in its own process, without a server.
# pip install requests
import os
import sys

import requests

response = requests.put(
    f"{os.environ['FACEVAULT_URL']}/v2/face-recognition/persons/{os.environ['FACEVAULT_PERSON']}",
    json={"name": "John Doe Updated", "gender": "M", "notes": "Updated VIP customer"},
    headers={"Authorization": f"Bearer {os.environ['FACEVAULT_TOKEN']}"},
    timeout=30,
)
answer = response.json()
if not response.ok:
    sys.exit(answer["message"])
print(answer["data"]["name"])
