<?php
// For people that several programs or machines share, over a running `facevault serve`. A program that uses them alone
// takes the package of bindings/php instead (docs/php.md): the same engine in its own process, without a server.
// Needs PHP's curl extension.
$request = curl_init(getenv('FACEVAULT_URL') . '/v2/face-recognition/persons/' . getenv('FACEVAULT_PERSON'));
curl_setopt_array($request, [
    CURLOPT_CUSTOMREQUEST => 'PUT',
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_TIMEOUT => 30,
    CURLOPT_HTTPHEADER => [
        'Authorization: Bearer ' . getenv('FACEVAULT_TOKEN'),
        'Content-Type: application/json',
    ],
    CURLOPT_POSTFIELDS => json_encode([
        'name' => 'John Doe Updated',
        'gender' => 'M',
        'notes' => 'Updated VIP customer',
    ]),
]);
$body = curl_exec($request);
if ($body === false) {
    fwrite(STDERR, curl_error($request) . "\n");
    exit(1);
}
$answer = json_decode($body, true);
if (curl_getinfo($request, CURLINFO_RESPONSE_CODE) !== 200) {
    fwrite(STDERR, $answer['message'] . "\n");
    exit(1);
}
echo $answer['data']['name'], "\n";
