// For people that several programs or machines share, over a running `facevault serve`. A program that uses them alone
// takes the package `facevault` instead (docs/node.md): the same engine in its own process, without a server.
const { FACEVAULT_URL: url, FACEVAULT_TOKEN: token, FACEVAULT_PERSON: person } = process.env;

const response = await fetch(`${url}/v2/face-recognition/persons/${person}`, {
  method: 'PUT',
  headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
  body: JSON.stringify({ name: 'John Doe Updated', gender: 'M', notes: 'Updated VIP customer' }),
});
const answer = await response.json();
if (response.ok) {
  console.log(answer.data.name);
} else {
  console.error(answer.message);
  process.exitCode = 1;
}
