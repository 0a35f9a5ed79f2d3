// swift-tools-version:5.9
import PackageDescription

// The library for C must be installed (bindings/c/install), where pkg-config finds it.
let package = Package(
    name: "Facevault",
    products: [.library(name: "Facevault", targets: ["Facevault"])],
    targets: [
        .systemLibrary(name: "CFacevault", pkgConfig: "facevault"),
        .target(name: "Facevault", dependencies: ["CFacevault"]),
        .testTarget(name: "FacevaultTests", dependencies: ["Facevault"]),
    ]
)
