<?php

declare(strict_types=1);

namespace Facevault;

/**
 * A vault that is open, as one client sees it. Answers are arrays; the table in docs/c.md says what the verbs take, and
 * bindings/README.md where the answers differ from the command's `--json`.
 */
final class Vault
{
    private function __construct(private ?\FFI\CData $handle)
    {
    }

    /**
     * Opens the vault at `$path`, or one in memory where it is `null`.
     *
     * @param array<string, mixed> $options `mode` (`open`, `create`, `open_or_create`, `read_only`, `memory`), `client`,
     *   `actor`, `mixed_photos`, `min_liveness`, `limits`; for an encrypted vault `key`, 32 random bytes, or `passphrase`
     */
    public static function open(
        ?string $path,
        #[\SensitiveParameter] array $options = [],
        ?Engine $engine = null,
    ): self {
        $options = Library::withKey($options);
        $handle = Library::ffi()->new('facevault_vault *');
        $arguments = [Library::text('path', $path), Library::cString(Library::json($options)), $engine?->handle(), \FFI::addr($handle)];
        Library::call('facevault_vault_open', $arguments);

        return new self($handle);
    }

    /** Whether the library can encrypt vaults; without it, a key is an error of kind `unsupported`. */
    public static function hasEncryption(): bool
    {
        return Library::ffi()->facevault_has_encryption();
    }

    /**
     * Encrypts a vault that nobody has open (`$to` alone), decrypts it (`$from` alone) or gives it another key; false
     * where it is so already. Whoever loses the key has lost the vault.
     *
     * @param array{key?: string, passphrase?: string}|null $from
     * @param array{key?: string, passphrase?: string}|null $to `key` has 32 random bytes
     */
    public static function rekey(
        string $path,
        #[\SensitiveParameter] ?array $from,
        #[\SensitiveParameter] ?array $to,
    ): bool {
        $keys = array_map(Library::withKey(...), array_filter(['from' => $from, 'to' => $to], is_array(...)));
        $arguments = [Library::text('path', $path), Library::cString(Library::json($keys)), null, null];
        $answer = Library::bytes('facevault_rekey', $arguments);

        return json_decode($answer, true, 512, JSON_THROW_ON_ERROR)['changed'];
    }

    /**
     * Another handle of the same vault: of another `client`, with another `actor`, with `mixed_photos` or `min_liveness`;
     * or with a `token`, as its holder uses it.
     */
    public function as(#[\SensitiveParameter] array $options): self
    {
        $handle = Library::ffi()->new('facevault_vault *');
        Library::call('facevault_vault_as', [$this->handle(), Library::cString(Library::json($options)), \FFI::addr($handle)]);

        return new self($handle);
    }

    /** A copy would close the same handle. `as` gives another one. */
    private function __clone()
    {
    }

    public function __destruct()
    {
        $this->close();
    }

    public function close(): void
    {
        if (isset($this->handle)) {
            Library::ffi()->facevault_vault_close($this->handle);
            $this->handle = null;
        }
    }

    private function handle(): \FFI\CData
    {
        return $this->handle ?? throw new \LogicException('the vault is closed');
    }

    /**
     * Any verb of a vault; `bindings/README.md` says where the verbs are listed.
     *
     * @param array<string, mixed> $request
     * @param list<string> $photos the bytes of files
     * @param (callable(string, int, int): mixed)|null $progress `false` asks to stop
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
        return Library::verb('facevault_vault_call', $this->handle(), $verb, $request, $photos, $progress);
    }

    /** Creates a person of these fields (`name`, `gender`, `date_of_birth`, `attributes`, ...) and photos. */
    public function createPerson(
        #[\SensitiveParameter] array $person,
        #[\SensitiveParameter] array $photos = [],
    ): array {
        return $this->call('create_person', $person, $photos);
    }

    /**
     * A partial update: what `$changes` does not name stays, `null` clears. Photos take the place of all, or come to them
     * with `'images' => 'add'`; `remove_images` names those that go.
     */
    public function updatePerson(
        string $id,
        #[\SensitiveParameter] array $changes,
        #[\SensitiveParameter] array $photos = [],
    ): array {
        return $this->call('update_person', ['id' => $id] + $changes, $photos);
    }

    public function person(string $id): array
    {
        return $this->call('person', ['id' => $id]);
    }

    /** A page of persons: `page` or `after`, `limit`, `name_contains`, `status`, `collection`, `attributes`. */
    public function persons(#[\SensitiveParameter] array $query = []): array
    {
        return $this->call('persons', $query);
    }

    /** Removes a person for good; the receipt is in the answer and nowhere else. */
    public function removePerson(string $id): array
    {
        return $this->call('remove_person', ['id' => $id]);
    }

    /** A photo as it was handed in. */
    public function photo(string $id, string $image): string
    {
        return $this->bytes('photo', Library::json(['id' => $id, 'image' => $image]));
    }

    /** A small JPEG of a photo. */
    public function thumbnail(string $id, string $image): string
    {
        return $this->bytes('thumbnail', Library::json(['id' => $id, 'image' => $image]));
    }

    /** @internal */
    public function bytes(string $verb, #[\SensitiveParameter] string $request): string
    {
        return Library::bytes('facevault_vault_bytes', [$this->handle(), Library::text('verb', $verb), Library::cString($request)]);
    }

    /** Who is this? No candidate means "unknown". Options are those of `identify` in docs/c.md. */
    public function identify(#[\SensitiveParameter] array $photos, array $options = []): array
    {
        return $this->call('identify', $options, $photos);
    }

    /** Is this that person? Options are those of `verify` in docs/c.md. */
    public function verify(string $id, #[\SensitiveParameter] array $photos, array $options = []): array
    {
        return $this->call('verify', ['id' => $id] + $options, $photos);
    }

    /** A token with which a program acts for this client over HTTP: `token` is in the answer and nowhere else. */
    public function createToken(?string $expiresAt = null): array
    {
        return $this->call('create_token', ['expires_at' => $expiresAt]);
    }

    /** What a token that somebody shows is good for: `access` is `granted` (to `client`), `expired` or `unknown`. */
    public function authenticate(#[\SensitiveParameter] string $token): array
    {
        return $this->call('authenticate', ['token' => $token]);
    }

    /** The pairs of people who look like one person. */
    public function duplicates(array $options = [], ?callable $progress = null): array
    {
        return $this->call('duplicates', $options, [], $progress);
    }
}
