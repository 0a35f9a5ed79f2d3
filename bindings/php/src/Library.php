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
    /** @var list<\Closure> the progress of the calls that are under way */
    private static array $watches = [];

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
    public static function call(string $function, array $arguments): void
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
    public static function bytes(string $function, array $arguments): string
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
        string $request,
        array $photos,
        ?callable $progress,
    ): string {
        $ffi = self::ffi();
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
        self::$watches[] = static function (string $what, int $done, int $total) use ($progress, &$thrown): int {
            // An exception must not leave a callback.
            try {
                return $progress($what, $done, $total) === false ? 1 : 0;
            } catch (\Throwable $exception) {
                $thrown = $exception;

                return 1;
            }
        };
        try {
            $answer = self::bytes($function, [$handle, $verb, $request, $taken, $count, self::callback(), null]);
        } catch (Error $error) {
            throw $thrown ?? $error;
        } finally {
            array_pop(self::$watches);
        }
        // What was stopped may have an answer nevertheless.
        if ($thrown !== null) {
            throw $thrown;
        }

        return $answer;
    }

    /** The one function that C calls, for whichever call is the innermost: PHP keeps each such function until it ends. */
    private static function callback(): \FFI\CData
    {
        if (self::$callback === null) {
            self::$callback = self::ffi()->new('struct { facevault_progress call; }');
            self::$callback->call = static function ($user, $step): int {
                $what = is_string($step->what) ? $step->what : \FFI::string($step->what);

                return end(self::$watches)($what, $step->done, $step->total);
            };
        }

        return self::$callback->call;
    }

    /** A request as JSON: an empty array is an empty object. */
    public static function json(array $request): string
    {
        foreach (['attributes', 'unless_known', 'rules', 'limits'] as $key) {
            if (($request[$key] ?? null) === []) {
                $request[$key] = (object) [];
            }
        }

        return json_encode((object) $request, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION);
    }
}
