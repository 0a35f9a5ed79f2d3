// For people that several programs or machines share, over a running `facevault serve`. A program that uses them alone
// takes the package `facevault` instead (docs/node.md): the same engine in its own process, without a server.
// npm install axios
import axios from 'axios';

const { FACEVAULT_URL: url, FACEVAULT_TOKEN: token, FACEVAULT_PERSON: person } = process.env;

try {
  const { data } = await axios.put(
    `${url}/v2/face-recognition/persons/${person}`,
    { name: 'John Doe Updated', gender: 'M', notes: 'Updated VIP customer' },
    { headers: { Authorization: `Bearer ${token}` } },
  );
  console.log(data.data.name);
} catch (error) {
  // The server's own words, where it answered.
  console.error(error.response?.data?.message ?? error.message);
  process.exitCode = 1;
}
