<?php

declare(strict_types=1);

use Facevault\Engine;
use Facevault\Error;
use Facevault\Vault;

/**
 * Runs the conformance cases (bindings/conformance/README.md). PHP has no threads: where a case asks for them, its steps
 * run as often, one after the other.
 */
final class Conformance
{
    private float $tolerance;
    /** @var array<string, Engine> */
    private array $engines = [];
    private ?Engine $engine = null;
    private ?Vault $vault = null;
    /** @var array<string, mixed> */
    private array $variables = [];

    public function __construct(private readonly string $file, private readonly string $data)
    {
    }

    /** @return array{int, int, int} how many passed, were skipped, and failed */
    public function run(): array
    {
        $suite = json_decode(file_get_contents($this->file), false, 512, JSON_THROW_ON_ERROR);
        $this->tolerance = $suite->tolerance;
        $counts = [0, 0, 0];
        foreach ($suite->cases as $case) {
            if ($lacks = $this->missing($case)) {
                echo "skipped: {$case->name}: $lacks\n";
                $counts[getenv('FACEVAULT_REQUIRE_DATA') === '1' ? 2 : 1]++;
                continue;
            }
            $folder = sys_get_temp_dir() . '/facevault-php-' . bin2hex(random_bytes(8));
            mkdir($folder);
            try {
                $this->case($case, $folder);
                $counts[0]++;
            } catch (UnexpectedValueException $wrong) {
                echo "FAILED: {$case->name}: {$wrong->getMessage()}\n";
                $counts[2]++;
            } finally {
                $this->vault = $this->engine = null;
                array_map('unlink', glob("$folder/*"));
                rmdir($folder);
            }
        }

        return $counts;
    }

    private function missing(stdClass $case): ?string
    {
        foreach ($case->needs ?? [] as $need) {
            if ($need === 'photos' && !is_dir($this->data)) {
                return 'no test data';
            }
            try {
                match ($need) {
                    'photos' => null,
                    'liveness' => $this->engine((object) ['liveness_models' => $this->liveness()])->livenessModel(),
                    default => $this->engine((object) ['pack' => $need]),
                };
            } catch (Error $error) {
                return $error->getMessage();
            }
        }

        return null;
    }

    /** The liveness networks: a folder, or the installed ones. */
    private function liveness(): string
    {
        return getenv('FACEVAULT_LIVENESS_MODELS') ?: 'liveness';
    }

    private function engine(stdClass $options): Engine
    {
        return $this->engines[json_encode($options)] ??= new Engine(json_decode(json_encode($options), true));
    }

    private function openVault(stdClass $options): Vault
    {
        $options = json_decode(json_encode($options), true);
        $path = $options['path'] ?? null;
        unset($options['path']);

        return Vault::open($path, $options, $this->engine);
    }

    private function case(stdClass $case, string $folder): void
    {
        $known = ['dir' => $folder, 'cases' => $this->file, 'thread' => '0', 'liveness' => $this->liveness()];
        $known += (array) ($case->variables ?? []);
        $this->variables = $known;
        if (isset($case->engine)) {
            $this->engine = $this->engine($case->engine);
        }
        if (isset($case->vault)) {
            $this->vault = $this->openVault($this->filled($case->vault));
        }
        for ($thread = 0; $thread < ($case->threads ?? 1); $thread++) {
            $this->variables = ['thread' => (string) $thread] + $known;
            foreach ($case->steps as $index => $step) {
                try {
                    $this->step($step);
                } catch (UnexpectedValueException $wrong) {
                    throw new UnexpectedValueException("step $index (" . ($step->verb ?? '') . "): {$wrong->getMessage()}");
                }
            }
        }
    }

    private function step(stdClass $step): void
    {
        try {
            $answer = $this->call($step);
        } catch (Error $error) {
            $found = json_decode(json_encode($error->toArray() + ['fields' => $error->fields()]));
            $this->match($step->expect, $found, 'error');
            $error->kind() === $found->error || $this->wrong('the kind', $found, $error->kind());

            return;
        }
        property_exists($step->expect, 'answer') || $this->wrong('no error', $step->expect, $answer);
        $this->match($step->expect->answer, $answer, 'answer');
    }

    private function call(stdClass $step): mixed
    {
        $request = $this->filled($step->request ?? new stdClass());
        $text = is_string($request) ? $request : json_encode($request, JSON_PRESERVE_ZERO_FRACTION);
        $photos = array_map($this->photo(...), $step->photos ?? []);
        $watch = static fn () => !($step->cancel ?? false);
        switch ($step->on) {
            case 'vault':
                return json_decode($this->vault->callJson($step->verb, $text, $photos, $watch));
            case 'engine':
                return json_decode($this->engine->callJson($step->verb, $text, $photos, $watch));
            case 'bytes':
                $bytes = $this->vault->bytes($step->verb, $text);
                if (isset($step->same_as) && $bytes !== $this->photo($step->same_as)) {
                    throw new UnexpectedValueException("the bytes are not those of {$step->same_as}");
                }

                return (object) ['size' => strlen($bytes), 'start' => bin2hex(substr($bytes, 0, 3))];
            case 'open_engine':
                $this->engine = $this->engine($request);

                return null;
            case 'open_vault':
                $this->vault = null;
                $this->vault = $this->openVault($request);

                return null;
            case 'vault_as':
                $this->vault = $this->vault->as((array) $request);

                return null;
        }
        throw new LogicException("{$step->on} is nothing that a step is on");
    }

    private function photo(string $path): string
    {
        return str_starts_with($path, 'text:') ? substr($path, 5) : file_get_contents("{$this->data}/$path");
    }

    private function filled(mixed $value): mixed
    {
        if (is_string($value) && preg_match('/^\$([a-z0-9_]+)(.*)$/s', $value, $parts)) {
            array_key_exists($parts[1], $this->variables) || throw new LogicException("{$value} has no value");

            return $parts[2] === '' ? $this->variables[$parts[1]] : $this->variables[$parts[1]] . $parts[2];
        }
        if (is_array($value)) {
            return array_map($this->filled(...), $value);
        }
        if ($value instanceof stdClass) {
            return (object) array_map($this->filled(...), (array) $value);
        }

        return $value;
    }

    private function wrong(string $place, mixed $expected, mixed $found): never
    {
        $message = "$place: expected " . json_encode($expected) . ', found ' . json_encode($found);
        throw new UnexpectedValueException($message);
    }

    private function match(mixed $expected, mixed $found, string $place): void
    {
        if ($expected === '*') {
            return;
        }
        if (is_string($expected) && str_starts_with($expected, '$')) {
            $name = substr($expected, 1);
            if (array_key_exists($name, $this->variables)) {
                $this->match($this->variables[$name], $found, $place);
            } else {
                $this->variables[$name] = $found;
            }
        } elseif ($expected instanceof stdClass && is_string($found) && isset($expected->components)) {
            $this->matchEncoding($expected, $found, $place);
        } elseif ($expected instanceof stdClass && $found instanceof stdClass) {
            foreach ((array) $expected as $key => $value) {
                property_exists($found, (string) $key) || $this->wrong("$place.$key", $value, $found);
                $this->match($value, $found->$key, "$place.$key");
            }
        } elseif (is_array($expected) && is_array($found) && count($expected) === count($found)) {
            foreach ($expected as $index => $value) {
                $this->match($value, $found[$index], "{$place}[$index]");
            }
        } elseif ((is_int($expected) || is_float($expected)) && (is_int($found) || is_float($found))) {
            $size = max(abs($expected), abs($found), 0.01);
            abs($expected - $found) <= $this->tolerance * $size || $this->wrong($place, $expected, $found);
        } elseif ($expected !== $found) {
            $this->wrong($place, $expected, $found);
        }
    }

    private function matchEncoding(stdClass $expected, string $found, string $place): void
    {
        $components = array_values(unpack('g*', base64_decode($found)));
        $length = sqrt(array_sum(array_map(static fn ($x) => $x * $x, $components)));
        count($components) === $expected->count || $this->wrong($place, $expected, count($components));
        foreach ($expected->components as $index => $wanted) {
            if (abs($wanted - $components[$index]) > $this->tolerance * $length) {
                $this->wrong("{$place}[$index]", $wanted, $components[$index]);
            }
        }
    }
}
