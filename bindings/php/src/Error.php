<?php

declare(strict_types=1);

namespace Facevault;

/** What went wrong. The message is a sentence; it never holds a name, a photo or a vector. */
final class Error extends \RuntimeException
{
    /** @param array<string, mixed> $answer the error as facevault writes it in JSON */
    private function __construct(#[\SensitiveParameter] private readonly array $answer)
    {
        parent::__construct((string) $answer['message']);
    }

    /** @internal */
    public static function ofJson(#[\SensitiveParameter] string $json): self
    {
        return new self(json_decode($json, true, 512, JSON_THROW_ON_ERROR));
    }

    /** @internal */
    public static function invalid(string $field, string $rule): self
    {
        $details = [['field' => $field, 'rule' => $rule]];

        return new self(['error' => 'invalid', 'message' => "\"$field\" $rule", 'details' => $details]);
    }

    /** Who must act: `invalid`, `not_found`, `already_exists`, `conflict`, `refused`, `cancelled` and so on. */
    public function kind(): string
    {
        return $this->answer['error'];
    }

    /** @return list<array{field: string, rule: string}> the broken rules of an `invalid` request */
    public function details(): array
    {
        return $this->answer['details'] ?? [];
    }

    /** @return list<string> the fields that break a rule */
    public function fields(): array
    {
        return array_column($this->details(), 'field');
    }

    /** @return list<array<string, mixed>> the outcome of each photo, where some were `refused` */
    public function images(): array
    {
        return $this->answer['images'] ?? [];
    }

    /** @return array<string, mixed>|null the existing person that the new one resembles, and the reason */
    public function duplicate(): ?array
    {
        return $this->answer['duplicate'] ?? null;
    }

    /** @return array<string, mixed> all of it */
    public function toArray(): array
    {
        return $this->answer;
    }
}
