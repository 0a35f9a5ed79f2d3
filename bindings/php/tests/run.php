<?php

// Plain tests: php tests/run.php [CASES DATA-FOLDER]

declare(strict_types=1);

use Facevault\Engine;
use Facevault\Error;
use Facevault\Vault;

spl_autoload_register(static function (string $class): void {
    require __DIR__ . '/../src/' . substr($class, strlen('Facevault\\')) . '.php';
});
require __DIR__ . '/Conformance.php';

$checks = 0;
function check(bool $is, string $what): void
{
    global $checks;
    $checks++;
    if (!$is) {
        fwrite(STDERR, "not so: $what\n");
        exit(1);
    }
}

function error(callable $work): Error
{
    try {
        $work();
    } catch (Error $error) {
        return $error;
    }
    check(false, 'an error is thrown');
}

$vault = Vault::open(null);
$ada = $vault->createPerson(['_id' => 'ada', 'name' => 'Ada', 'notes' => 'first', 'attributes' => []]);
check($ada['version'] === 1 && $ada['images'] === [], 'a person is created');
$ada = $vault->updatePerson('ada', ['name' => 'Ada Lovelace', 'notes' => null]);
check($ada['name'] === 'Ada Lovelace' && $ada['notes'] === null && $ada['version'] === 2, 'a partial update');
check($vault->person('ada')['name'] === 'Ada Lovelace', 'it is read');
check($vault->persons(['name_contains' => 'ADA'])['total'] === 1, 'it is listed');

$error = error(fn () => $vault->updatePerson('ada', ['name' => null, 'shoe_size' => 43]));
check($error->kind() === 'invalid' && $error->fields() === ['name', 'shoe_size'], 'every broken rule is named');
check(error(fn () => $vault->person('nobody'))->kind() === 'not_found', 'an unknown person');
check(error(fn () => $vault->call('nothing'))->fields() === ['verb'], 'an unknown verb');
check(error(fn () => Engine::setup(['pack' => 'nothing']))->fields() === ['pack'], 'a pack that nobody knows');
check(error(fn () => $vault->callJson('persons', "{\"\xff"))->kind() === 'invalid', 'no JSON');
check(error(fn () => $vault->createPerson(['name' => 'Eve'], ['no photo', '']))->kind() === 'model_unavailable', 'no engine');

// No name, photo or request in what is logged of an error: its trace has arguments, as php.ini leaves it by default.
check(ini_get('zend.exception_ignore_args') === '0', 'traces have arguments');
$error = error(fn () => $vault->updatePerson('ada', ['name' => 'Grace Hopper', 'shoe_size' => 43]));
check(str_contains(print_r($error->getTrace(), true), 'update_person'), 'the trace shows arguments');
$shown = print_r($error, true) . print_r($vault, true);
$shown .= print_r(error(fn () => $vault->createPerson(['name' => 'Grace Hopper'], ['Grace Hopper'])), true);
$shown .= print_r(error(fn () => $vault->createPerson(['name' => "Grace Hopper\xff"])), true);
$shown .= print_r(error(fn () => $vault->persons(['name_contains' => 'Grace Hopper', 'limit' => 0])), true);
try {
    $grace = ['persons' => array_fill(0, 500, ['name' => 'Grace Hopper'])];
    $vault->call('create_persons', $grace, [], fn () => throw new DomainException('mine'));
    check(false, 'what a callback throws is thrown');
} catch (DomainException $mine) {
    $shown .= print_r($mine, true);
}
// Before PHP 8.2 there is nothing that keeps an argument out of a trace.
check(PHP_VERSION_ID < 80200 || !str_contains($shown, 'Grace'), 'no name is shown');

// What is an object stays one, and what C would cut short or not read is an error.
$one = ['name' => 'Ada', 'attributes' => ['a', 'b']];
$many = ['persons' => [$one, ['name' => 'Ada', 'attributes' => []]], 'unless_known' => []];
$outcomes = $vault->call('create_persons', $many)['outcomes'];
check(array_column($outcomes, 'status') === ['ok', 'ok'], 'attributes in a list of persons');
check($outcomes[0]['person']['attributes'] === ['a', 'b'], 'attributes that are numbered');
check(error(fn () => $vault->createPerson(['name' => "\xff"]))->fields() === ['body'], 'no UTF-8');
check(error(fn () => $vault->call("persons\0"))->fields() === ['verb'], 'a zero byte in a verb');
check(error(fn () => $vault->callJson('persons', "{}\0"))->fields() === ['body'], 'a zero byte in a request');
check(error(fn () => Vault::open("people\0.vault"))->fields() === ['path'], 'a zero byte in a path');
try {
    clone $vault;
    check(false, 'a vault cannot be cloned');
} catch (\Error $cloned) {
    check(str_contains($cloned->getMessage(), 'private'), 'a vault cannot be cloned');
}

$seen = [];
$people = ['persons' => array_fill(0, 500, ['name' => 'A'])];
$vault->call('create_persons', $people, [], function (string $what, int $done, int $total) use (&$seen) {
    $seen[] = $done;
});
check($seen !== [], 'progress is told');
try {
    $vault->call('create_persons', $people, [], fn () => throw new DomainException('mine'));
    check(false, 'what a callback throws is thrown');
} catch (DomainException $mine) {
    check($mine->getMessage() === 'mine', 'what a callback throws is thrown');
}

// A callback may be left for another call, in a fiber: each call has its own.
$told = ['outer' => 0, 'inner' => 0];
$fiber = new Fiber(function () use ($vault, $people, &$told): void {
    $vault->call('create_persons', $people, [], function () use (&$told): void {
        if ($told['outer']++ === 0) {
            Fiber::suspend();
        }
    });
});
$second = Vault::open(null);
$inner = new Fiber(function () use ($second, $people, &$told): void {
    $second->call('create_persons', $people, [], function () use (&$told): void {
        if ($told['inner']++ === 0) {
            Fiber::suspend();
        }
    });
});
$fiber->start();
$inner->start();
$fiber->resume();
check($fiber->isTerminated() && $told['outer'] > 1 && $told['inner'] === 1, 'a call tells its own callback');
$inner->resume();
check($inner->isTerminated() && $told['inner'] === $told['outer'], 'and so does the other one');

$memory = static fn (): int => 4 * (int) explode(' ', file_get_contents('/proc/self/statm'))[1];
$watched = static function (int $calls) use ($vault): void {
    for ($i = 0; $i < $calls; $i++) {
        $vault->call('persons', ['limit' => 1], [], fn () => true);
    }
};
$watched(500);
$before = $memory();
$watched(5000);
check($memory() - $before < 1024, 'progress of many calls takes no memory');

$other = $vault->as(['client' => 'other', 'add_client' => true]);
check($other->persons()['total'] === 0 && $vault->persons()['total'] >= 3, 'a client sees its own');
$other->close();
$other->close();
try {
    $other->persons();
    check(false, 'a closed vault is an error');
} catch (LogicException $closed) {
    check($closed->getMessage() === 'the vault is closed', 'a closed vault is an error');
}
$receipt = $vault->removePerson('ada')['receipt'];
check($receipt !== null, 'a person is removed');
$checked = $vault->call('check_receipt', ['receipt' => $receipt, 'id' => 'ada']);
check($checked['person'] === true && $checked['photos'] === [], 'a receipt is of the person');

$token = $vault->createToken();
check($vault->authenticate($token['token'])['access'] === 'granted', 'a token is good');
$holder = $vault->as(['token' => $token['token']]);
$holder->createPerson(['name' => 'Eve']);
$acted = $vault->call('audit', ['limit' => 1, 'newest_first' => true])['entries'][0]['actor'];
check($acted === "token:{$token['_id']}", 'the trail says who acted');
check(error(fn () => $vault->as(['token' => 'x']))->fields() === ['token'], 'a token that is none');

// Keys: in no message and no trace.
const KEY = 'Zebedee!Zebedee!Zebedee!Zebedee!';
$file = sys_get_temp_dir() . '/facevault-php-' . bin2hex(random_bytes(8));
$kind = Vault::hasEncryption() ? 'not_found' : 'unsupported';
$error = error(fn () => Vault::rekey($file, null, ['key' => KEY]));
$opening = error(fn () => Vault::open($file, ['key' => KEY]));
check($error->kind() === $kind && $opening->kind() === $kind, 'a vault that is not there, or no encryption');
$shown = print_r($error, true) . print_r($opening, true) . print_r(error(fn () => $vault->as(['token' => 'Zebedee!'])), true);
check(PHP_VERSION_ID < 80200 || !str_contains($shown, 'Zebedee!') && !str_contains($shown, bin2hex(KEY)), 'no key is shown');
check(error(fn () => Vault::open($file, ['key' => 'short']))->fields() === ['key'], 'a key of another size');
if (Vault::hasEncryption()) {
    $secret = Vault::open($file, ['mode' => 'create', 'key' => KEY]);
    $secret->createPerson(['name' => 'Ada', '_id' => 'ada']);
    $secret->close();
    check(error(fn () => Vault::open($file))->kind() === 'key', 'a vault opens with its key');
    check(Vault::rekey($file, ['key' => KEY], null) && Vault::open($file)->person('ada')['name'] === 'Ada', 'it is decrypted');
    array_map('unlink', glob("$file*"));
}

$before = 0;
for ($i = 0; $i < 1000; $i++) {
    Vault::open(null)->createPerson(['name' => 'Ada']);
    if ($i === 100) {
        $before = $memory();
    }
}
$grown = $memory() - $before;
echo "1000 vaults opened and closed: $grown KiB more than after a tenth of them\n";
check($grown < 4096, 'closing frees memory');

[$cases, $data] = [$argv[1] ?? __DIR__ . '/../../conformance/cases.json', $argv[2] ?? __DIR__ . '/../../../../shared'];
$photos = "$data/faces/lfw-dev/Adel_Al-Jubeir/Adel_Al-Jubeir_000";
if (is_dir($data)) {
    try {
        $engine = new Engine();
    } catch (Error $error) {
        echo "skipped: photos: {$error->getMessage()}\n";
        check(getenv('FACEVAULT_REQUIRE_DATA') !== '1', 'the pack standard is installed');
    }
}
if (isset($engine)) {
    [$one, $two] = [file_get_contents("{$photos}1.jpg"), file_get_contents("{$photos}2.jpg")];
    check(count($engine->vector($one)) === $engine->describe()['dimension'], 'a vector has the dimension of the model');
    $refused = error(fn () => $engine->vector('no photo'));
    check($refused->kind() === 'refused' && $refused->images()[0]['code'] === 'undecodable_image', 'a refusal');
    check(count($engine->detect($one)['faces']) >= 1, 'a face is found');
    check($engine->compare([$one], [$two])['accepted'], 'two photos of one person');
    if (getenv('FACEVAULT_LIVENESS_MODELS')) {
        $small = ['quality' => ['min_acuity' => 0, 'min_resolution' => 0, 'recognizable' => false]];
        $judging = new Engine(['liveness_models' => getenv('FACEVAULT_LIVENESS_MODELS'), 'rules' => $small]);
        $live = file_get_contents("$data/faces/liveness/image_T1.jpg");
        $report = $judging->liveness([$live], 0.5);
        check($report['live'] && $report['score'] > 0.5 && count($report['shots']) === 1, 'a living face');
        check($judging->compare([$live], [$live], ['liveness' => 'require'])['liveness'] === $report['score'], 'the same score');
    }
    $vault = Vault::open(null, [], $engine);
    $engine->close();
    $ada = $vault->createPerson(['_id' => 'ada', 'name' => 'Ada'], [$one]);
    check($vault->photo('ada', $ada['images'][0]['_id']) === $one, 'the photo is kept as it is');
    check(str_starts_with($vault->thumbnail('ada', $ada['images'][0]['_id']), "\xff\xd8"), 'a thumbnail');
    check($vault->identify([$two])['candidates'][0]['person'] === 'ada', 'the person is found');
    check($vault->verify('ada', [$two])['accepted'], 'the person is verified');
    check($vault->duplicates()['pairs'] === [], 'nobody is there twice');
    $vault->close();
}
echo "$checks checks passed\n";

[$passed, $skipped, $failed] = (new Conformance($cases, $data))->run();
echo "$passed cases passed, $skipped skipped, $failed failed\n";
exit($failed === 0 && $passed > 0 ? 0 : 1);
