# For people that several programs or machines share, over a running `facevault serve`. A program that uses them alone
# takes the package `facevault` instead (docs/python.md): the same engine in its own process, without a server.
import http.client
import json
import os
import sys
from urllib.parse import urlsplit

url = urlsplit(os.environ["FACEVAULT_URL"])
connect = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
connection = connect(url.netloc)
connection.request(
    "PUT",
    f"/v2/face-recognition/persons/{os.environ['FACEVAULT_PERSON']}",
    json.dumps({"name": "John Doe Updated", "gender": "M", "notes": "Updated VIP customer"}),
    {"Authorization": f"Bearer {os.environ['FACEVAULT_TOKEN']}", "Content-Type": "application/json"},
)
response = connection.getresponse()
answer = json.load(response)
if response.status != 200:
    sys.exit(answer["message"])
print(answer["data"]["name"])
