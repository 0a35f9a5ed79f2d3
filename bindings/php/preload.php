<?php

// For `opcache.preload`. With `ffi.preload` naming src/facevault.ffi.h as well, `ffi.enable=preload` is enough: no other
// script may use FFI.

declare(strict_types=1);

foreach (['Error', 'Library', 'Engine', 'Vault'] as $class) {
    require_once __DIR__ . "/src/$class.php";
}
