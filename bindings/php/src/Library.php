<?php

declare(strict_types=1);

namespace Facevault;

/**
 * The library for C, and what is to be done around each of its calls.
 *
 * The shared library is the one that `FACEVAULT_LIBRARY` names, else the system's `libfacevault.so.0.1`. Where
 * `ffi.preload` names `facevault.ffi.h`, it is the one that was loaded when PHP started.
 *
 * @internal
 */
final class Library
{
    private const NAME = 'libfacevault.so.0.1';

    private static ?\FFI $ffi = null;
    private static ?\FFI\CData $callback = null;
    /** @var array<int, \Closure> the progress of the calls that are under way, by their numbers */
    private static array $watches = [];
    private static int $calls = 0;
    /** What is an object in a request even where PHP's array is empty or has the keys of a list. */
    private const OBJECTS = [
        'attributes', 'unless_known', 'rules', 'limits', 'decode', 'seek', 'face', 'quality', 'operating_point',
        'date_of_birth', 'from', 'to',
    ];

    public static function ffi(): \FFI
    {
        return self::$ffi ??= self::load();
    }

    private static function load(): \FFI
    {
        try {
            return \FFI::scope('FACEVAULT');
        } catch (\FFI\Exception) {
            // It was not preloaded.
        }
        // Without what only preloading reads.
        $header = preg_replace('/^#define FFI_.*\n/m', '', file_get_contents(__DIR__ . '/facevault.ffi.h'));

        return \FFI::cdef($header, getenv('FACEVAULT_LIBRARY') ?: self::NAME);
    }

    /**
     * Calls a function whose last argument takes an error, and throws that.
     *
     * @param list<mixed> $arguments all but the last
     */
    public static function call(string $function, #[\SensitiveParameter] array $arguments): void
    {
        $ffi = self::ffi();
        $error = $ffi->new('facevault_error *');
        $status = $ffi->$function(...[...$arguments, \FFI::addr($error)]);
        if ($status === 0) {
            return;
        }
        $json = $ffi->facevault_error_json($error);
        $ffi->facevault_error_free($error);
        throw Error::ofJson($json ?? '{"error": "runtime", "message": "there is no memory for an error"}');
    }

    /**
     * Calls a function that fills a buffer before its error, and gives the bytes.
     *
     * @param list<mixed> $arguments all but the last two
     */
    public static function bytes(string $function, #[\SensitiveParameter] array $arguments): string
    {
        $ffi = self::ffi();
        $buffer = $ffi->new('facevault_buffer');
        try {
            self::call($function, [...$arguments, \FFI::addr($buffer)]);

            return $buffer->size === 0 ? '' : \FFI::string($buffer->data, $buffer->size);
        } finally {
            $ffi->facevault_buffer_free(\FFI::addr($buffer));
        }
    }

    /**
     * Calls a verb by its JSON.
     *
     * @param list<string> $photos the bytes of files
     * @param (callable(string, int, int): mixed)|null $progress is told what is done, how much of it, and of how much (0
     *   where that is not known); `false` asks to stop
     */
    public static function verb(
        string $function,
        \FFI\CData $handle,
        string $verb,
        #[\SensitiveParameter] string $request,
        #[\SensitiveParameter] array $photos,
        ?callable $progress,
    ): string {
        $ffi = self::ffi();
        [$verb, $request] = [self::text('verb', $verb), self::cString($request)];
        $count = count($photos);
        $taken = $count === 0 ? null : $ffi->new("facevault_bytes[$count]");
        $kept = [];
        foreach (array_values($photos) as $i => $photo) {
            $taken[$i]->size = strlen($photo);
            if ($photo !== '') {
                $kept[$i] = $ffi->new('uint8_t[' . strlen($photo) . ']');
                \FFI::memcpy($kept[$i], $photo, strlen($photo));
                $taken[$i]->data = $ffi->cast('void *', \FFI::addr($kept[$i]));
            }
        }
        if ($progress === null) {
            return self::bytes($function, [$handle, $verb, $request, $taken, $count, null, null]);
        }
        $thrown = null;
        $number = $ffi->new('uint64_t');
        $number->cdata = $call = ++self::$calls;
        self::$watches[$call] = static function (string $what, int $done, int $total) use ($progress, &$thrown): int {
            // An exception must not leave a callback.
            try {
                return $progress($what, $done, $total) === false ? 1 : 0;
            } catch (\Throwable $exception) {
                $thrown = self::withoutArguments($exception);

                return 1;
            }
        };
        try {
            $user = $ffi->cast('void *', \FFI::addr($number));
            $answer = self::bytes($function, [$handle, $verb, $request, $taken, $count, self::callback(), $user]);
        } catch (Error $error) {
            throw $thrown ?? $error;
        } finally {
            unset(self::$watches[$call]);
        }
        // What was stopped may have an answer nevertheless.
        if ($thrown !== null) {
            throw $thrown;
        }

        return $answer;
    }

    /**
     * The exception without the arguments of the frames between the program's call and its callback: pointers of C, which
     * must not be looked at later.
     */
    private static function withoutArguments(\Throwable $thrown): \Throwable
    {
        for ($one = $thrown; $one !== null; $one = $one->getPrevious()) {
            $of = new \ReflectionProperty($one instanceof \Exception ? \Exception::class : \Error::class, 'trace');
            $frames = $of->getValue($one);
            foreach ($frames as $i => $frame) {
                if (in_array($frame['class'] ?? '', [self::class, \FFI::class], true)) {
                    unset($frames[$i]['args']);
                }
            }
            $of->setValue($one, $frames);
        }

        return $thrown;
    }

    /**
     * The one function that C calls, because PHP keeps each such function until it ends. `$user` points to the number of
     * the call: with fibers, the innermost one need not be that which reports.
     */
    private static function callback(): \FFI\CData
    {
        if (self::$callback === null) {
            self::$callback = self::ffi()->new('struct { facevault_progress call; }');
            self::$callback->call = static function ($user, $step): int {
                $what = is_string($step->what) ? $step->what : \FFI::string($step->what);

                $call = self::ffi()->cast('uint64_t *', $user)[0];

                return self::$watches[$call]($what, $step->done, $step->total);
            };
        }

        return self::$callback->call;
    }

    /** A request as JSON. */
    public static function json(#[\SensitiveParameter] array $request): string
    {
        try {
            return json_encode((object) self::shaped($request), JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION);
        } catch (\JsonException $failed) {
            // Its trace holds the request, so it is not kept.
            $rule = "must be what JSON can hold, with texts in UTF-8: {$failed->getMessage()}";
        }
        throw Error::invalid('body', $rule);
    }

    private static function shaped(#[\SensitiveParameter] array $value): array
    {
        foreach ($value as $key => $item) {
            if (is_array($item)) {
                $item = self::shaped($item);
                $value[$key] = in_array($key, self::OBJECTS, true) ? (object) $item : $item;
            }
        }

        return $value;
    }

    /** Options whose `key`, if there is one, is as JSON has it. */
    public static function withKey(#[\SensitiveParameter] array $options): array
    {
        if (isset($options['key'])) {
            if (!is_string($options['key']) || strlen($options['key']) !== 32) {
                throw Error::invalid('key', 'must have 32 random bytes');
            }
            $options['key'] = bin2hex($options['key']);
        }

        return $options;
    }

    /** A text that ends where C sees its end. */
    public static function text(string $name, ?string $text): ?string
    {
        if ($text !== null && str_contains($text, "\0")) {
            throw Error::invalid($name, 'must have no zero byte');
        }

        return $text;
    }

    /** A request as C takes it. As a text of PHP it would be in the trace of what a progress callback throws. */
    public static function cString(#[\SensitiveParameter] string $request): \FFI\CData
    {
        if (str_contains($request, "\0")) {
            throw Error::invalid('body', 'must have no zero byte');
        }
        $text = self::ffi()->new('char[' . strlen($request) + 1 . ']');
        \FFI::memcpy($text, $request, strlen($request));

        return $text;
    }
}
