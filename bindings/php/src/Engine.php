<?php

declare(strict_types=1);

namespace Facevault;

/** Detects faces and computes encodings. It is expensive to open: keep one. Photos are the bytes of their files. */
final class Engine
{
    private ?\FFI\CData $handle;

    /** @param array<string, mixed> $options `pack`, `data_dir`, `threads`, `mode`, `runtime_library`, `rules`,
     *   `liveness_models` */
    public function __construct(#[\SensitiveParameter] array $options = [])
    {
        $this->handle = Library::ffi()->new('facevault_engine *');
        Library::call('facevault_engine_open', [Library::cString(Library::json($options)), \FFI::addr($this->handle)]);
    }

    /**
     * Installs ONNX Runtime and a pack, as `facevault setup` does; answers the files that it installed.
     *
     * @param array<string, mixed> $options `pack`, `data_dir`, `from`, `accept_licence`, `python`, `npm`
     */
    public static function setup(array $options = []): array
    {
        $answer = Library::bytes('facevault_setup', [Library::cString(Library::json($options)), null, null]);

        return json_decode($answer, true, 512, JSON_THROW_ON_ERROR)['installed'];
    }

    /** A copy would close the same handle. */
    private function __clone()
    {
    }

    public function __destruct()
    {
        $this->close();
    }

    /** Vaults that were opened with it go on. */
    public function close(): void
    {
        if (isset($this->handle)) {
            Library::ffi()->facevault_engine_close($this->handle);
            $this->handle = null;
        }
    }

    /** @internal */
    public function handle(): \FFI\CData
    {
        return $this->handle ?? throw new \LogicException('the engine is closed');
    }

    /**
     * Any verb of an engine; `bindings/README.md` says where the verbs are listed.
     *
     * @param array<string, mixed> $request
     * @param list<string> $photos
     */
    public function call(
        string $verb,
        #[\SensitiveParameter] array $request = [],
        #[\SensitiveParameter] array $photos = [],
        ?callable $progress = null,
    ): mixed {
        $answer = $this->callJson($verb, Library::json($request), $photos, $progress);

        return json_decode($answer, true, 512, JSON_THROW_ON_ERROR);
    }

    /** The same with JSON as it is. */
    public function callJson(
        string $verb,
        #[\SensitiveParameter] string $request,
        #[\SensitiveParameter] array $photos = [],
        ?callable $progress = null,
    ): string {
        return Library::verb('facevault_engine_call', $this->handle(), $verb, $request, $photos, $progress);
    }

    /** What the engine is made of. */
    public function describe(): array
    {
        return $this->call('describe');
    }

    /** The faces of a photo, highest score first. */
    public function detect(#[\SensitiveParameter] string $photo): array
    {
        return $this->call('detect', [], [$photo]);
    }

    /** One outcome a photo: `ok` with the encoding in base64 and what was measured, or `refused` with why. */
    public function encode(#[\SensitiveParameter] array $photos, ?callable $progress = null): array
    {
        return $this->call('encode', [], $photos, $progress);
    }

    /** @return list<float> the encoding of the one face of a photo */
    public function vector(#[\SensitiveParameter] string $photo): array
    {
        $outcome = $this->encode([$photo])[0];
        if ($outcome['status'] !== 'ok') {
            $image = ['index' => 0] + $outcome;
            $message = "image 0: {$outcome['code']}: {$outcome['message']}";
            throw Error::ofJson(json_encode(['error' => 'refused', 'message' => $message, 'images' => [$image]]));
        }

        return array_values(unpack('g*', base64_decode($outcome['encoding'])));
    }

    /** Whether the photos of `$probe` and those of `$gallery` show one person. */
    public function compare(
        #[\SensitiveParameter] array $probe,
        #[\SensitiveParameter] array $gallery,
        array $options = [],
    ): array {
        return $this->call('compare', ['probe' => count($probe)] + $options, [...$probe, ...$gallery]);
    }

    /**
     * Whether the photos, all of one face, seem to show a living person: `live`, the `score` from 0 to 1, and that of
     * each photo in `shots`. The face counts as live if its score is above `$minScore`.
     */
    public function liveness(#[\SensitiveParameter] array $photos, float $minScore = 0.6): array
    {
        return $this->call('liveness', ['min_score' => $minScore], $photos);
    }

    /** The name of the liveness networks, which are loaded by this; an error where they are not installed. */
    public function livenessModel(): string
    {
        return $this->call('liveness_model')['model'];
    }
}
