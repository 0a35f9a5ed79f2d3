//! Writes the first inputs of the fuzzing programs: `seeds FOLDER [TEST_DATA]`.

use std::error::Error;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::{env, fs};

use facevault::http::fuzzing::BODIES;
use facevault::image::{ImageFormat, RgbImage};
use facevault::models::{LivenessManifest, Manifest, fuzzing};
use serde_json::json;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Photos and networks of the test data that are longer are left out: the fuzzer would learn little from them, slowly.
const LONGEST_PHOTO: u64 = 64 << 10;
const LONGEST_NETWORK: u64 = 256 << 10;

fn main() -> Outcome {
    let mut words = env::args_os().skip(1);
    let folder = PathBuf::from(words.next().ok_or("usage: seeds FOLDER [TEST_DATA]")?);
    let seeds = Seeds { folder, data: words.next().map(PathBuf::from).filter(|data| data.is_dir()) };
    seeds.decode()?;
    seeds.frame()?;
    seeds.http()?;
    seeds.models()?;
    seeds.request()?;
    seeds.vault()
}

struct Seeds {
    folder: PathBuf,
    data: Option<PathBuf>,
}

impl Seeds {
    fn write(&self, program: &str, name: &str, bytes: &[u8]) -> Outcome {
        let folder = self.folder.join(program);
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join(name), bytes)?)
    }

    /// Short files of a folder of the test data, with `before` in front of each.
    fn copy(&self, program: &str, below: &str, before: &[u8], longest: u64) -> Outcome {
        let Some(data) = &self.data else { return Ok(()) };
        let mut found = Vec::new();
        files(&data.join(below), &mut found);
        found.sort();
        for (number, path) in
            found.iter().filter(|path| fs::metadata(path).is_ok_and(|file| file.len() <= longest)).take(200).enumerate()
        {
            let name = format!("{}-{number}-{}", below.replace('/', "-"), before.escape_ascii());
            self.write(program, &name, &[before, &fs::read(path)?].concat())?;
        }
        Ok(())
    }

    fn decode(&self) -> Outcome {
        let picture = |width, height| {
            RgbImage::from_fn(width, height, |x, y| [(x * 7) as u8, (y * 5) as u8, (x * y) as u8].into())
        };
        for (name, format) in [
            ("jpeg", ImageFormat::Jpeg),
            ("png", ImageFormat::Png),
            ("webp", ImageFormat::WebP),
            ("gif", ImageFormat::Gif),
            ("bmp", ImageFormat::Bmp),
            ("pnm", ImageFormat::Pnm),
            ("tiff", ImageFormat::Tiff),
        ] {
            for (width, height) in [(8, 8), (33, 17)] {
                let mut bytes = Cursor::new(Vec::new());
                picture(width, height).write_to(&mut bytes, format)?;
                self.write("decode", &format!("{name}-{width}"), bytes.get_ref())?;
            }
        }
        for (width, height) in [(16, 16), (65, 40)] {
            let options = heifer::EncodeOptions { quality: 50, max_threads: 1 };
            let bytes = heifer::encode_rgb8(width, height, picture(width, height).as_raw(), &options)?;
            self.write("decode", &format!("heic-{width}"), &bytes)?;
        }
        self.copy("decode", "images", &[], LONGEST_PHOTO)?;
        self.copy("decode", "faces", &[], LONGEST_PHOTO)
    }

    fn frame(&self) -> Outcome {
        for format in 0..9 {
            for how in [0, 0x10, 0x2f] {
                let head = [format, how, 6, 0, 4, 0, 24, 0];
                let pixels: Vec<u8> = (0..=255).collect();
                self.write("frame", &format!("{format}-{how}"), &[&head[..], &pixels].concat())?;
            }
        }
        let mut jpeg = Cursor::new(vec![8, 0, 6, 0, 4, 0, 0, 0]);
        jpeg.set_position(8);
        RgbImage::new(6, 4).write_to(&mut jpeg, ImageFormat::Jpeg)?;
        self.write("frame", "mjpeg", jpeg.get_ref())
    }

    fn http(&self) -> Outcome {
        let head = "Host: localhost\r\nAuthorization: Bearer %TOKEN%\r\n";
        let base = "/v2/face-recognition";
        for (number, path) in ["/", "/console/", "/console/main.js", "/docs", "/healthz", "/metrics", "/openapi.json"]
            .into_iter()
            .enumerate()
        {
            self.write("http", &format!("page-{number}"), format!("GET {path} HTTP/1.1\r\n{head}\r\n").as_bytes())?;
        }
        for (number, path) in [
            "/persons?limit=2&name=a",
            "/persons/ada",
            "/persons/lookup?attribute=a&value=b",
            "/persons/ada/thumbnails/x",
            "/collections",
            "/collections/staff",
            "/vault",
            "/models",
            "/duplicates?limit=3&min_score=0.9",
        ]
        .into_iter()
        .enumerate()
        {
            self.write(
                "http",
                &format!("get-{number}"),
                format!("GET {base}{path} HTTP/1.1\r\n{head}\r\n").as_bytes(),
            )?;
        }
        let (name, members) = (json!({"name": "Ada Lovelace"}).to_string(), json!({"people": ["ada"]}).to_string());
        let length =
            |body: &str| format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let put = format!("PUT {base}/persons/ada HTTP/1.1\r\n{head}{}", length(&name));
        self.write("http", "put", put.as_bytes())?;
        let members = format!("PUT {base}/collections/staff HTTP/1.1\r\n{head}{}", length(&members));
        self.write("http", "members", members.as_bytes())?;
        self.write("http", "two", [put.as_bytes(), members.as_bytes()].concat().as_slice())?;
        let coded = format!(
            "PUT {base}/persons/ada HTTP/1.1\r\n{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
             7;x=y\r\n{{\"name\"\r\n8\r\n: \"Ada\"}}\r\n0\r\nTrailer: x\r\n\r\n"
        );
        self.write("http", "chunked", coded.as_bytes())?;
        self.write(
            "http",
            "head",
            format!("HEAD {base}/persons HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").as_bytes(),
        )?;
        self.write("http", "expect", put.replace("Content-Type", "Expect: 100-continue\r\nContent-Type").as_bytes())?;
        // HTTP/2: the preface, settings, and the head of a request with its fields as they are.
        let mut frames = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        frames.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
        let mut fields = vec![0x82, 0x86];
        for (index, value) in [(4, "/healthz"), (1, "localhost")] {
            fields.extend([index, value.len() as u8]);
            fields.extend(value.as_bytes());
        }
        frames.extend([0, 0, fields.len() as u8, 1, 5, 0, 0, 0, 1]);
        frames.extend(fields);
        self.write("http", "http2", &frames)
    }

    fn models(&self) -> Outcome {
        let files = [fuzzing::dlib_files(), vec![(6, fuzzing::tflite_file()), (7, fuzzing::espdl_file())]].concat();
        for (kind, bytes) in files {
            self.write("models", &format!("file-{kind}"), &[&[kind][..], &bytes].concat())?;
        }
        for (kind, onnx) in fuzzing::onnx_files() {
            self.write("models", &format!("onnx-{kind}"), &[&[0][..], &onnx].concat())?;
        }
        for name in Manifest::BUILTIN {
            let text = Manifest::builtin(name)?.text().to_owned();
            self.write("models", &format!("manifest-{name}"), &[&[8][..], text.as_bytes()].concat())?;
            self.write("models", &format!("table-{name}"), &[&[10][..], text.as_bytes()].concat())?;
        }
        for name in LivenessManifest::BUILTIN {
            let text = LivenessManifest::builtin(name)?.text().to_owned();
            self.write("models", &format!("liveness-{name}"), &[&[9][..], text.as_bytes()].concat())?;
        }
        self.copy("models", "models", &[0], LONGEST_NETWORK)
    }

    fn request(&self) -> Outcome {
        let photo = "aGVsbG8=";
        let bodies = [
            json!({"name": "Ada", "images": [photo], "gender": "F", "date_of_birth": "1815-12-10", "collections": ["staff"],
                   "attributes": {"badge": "1"}, "notes": "x", "nationality": null, "id": "ada"}),
            json!({"image": photo, "min_score": 0.85, "search_mode": "FAST", "collection_id": "staff", "max_results": 3,
                   "top": true, "os": "IOS", "liveness_min_score": 0.6}),
            json!({"images": [photo, photo], "min_score": 0.9, "search_mode": "ACCURATE", "id": "ada"}),
            json!({"probe": [photo], "gallery": [photo], "search_mode": "FAST", "compare_min_score": 0.85, "os": "ANDROID",
                   "liveness_min_score": 0.7}),
            json!({"name": "Staff", "code": "staff", "description": "d", "people": ["ada"]}),
            json!({"image": photo, "return_landmarks": true}),
        ];
        for kind in 0..BODIES.len() {
            for (number, body) in bodies.iter().enumerate() {
                let bytes = [&[kind as u8][..], body.to_string().as_bytes()].concat();
                self.write("request", &format!("body-{kind}-{number}"), &bytes)?;
            }
        }
        let queries =
            "page=2&limit=20&name=a%20b&collection=staff&status=active&populates=collections&size=160&min_score=0.9";
        for kind in 0..6 {
            let bytes = [&[(BODIES.len() + kind) as u8][..], queries.as_bytes()].concat();
            self.write("request", &format!("query-{kind}"), &bytes)?;
        }
        let base64 = [&[(BODIES.len() + 5) as u8][..], b"data:image/jpeg;base64,aGVs\r\nbG8="].concat();
        self.write("request", "base64", &base64)
    }

    fn vault(&self) -> Outcome {
        for version in 0..5 {
            self.write("vault", &format!("v{}", version + 1), &[version])?;
            // One byte of every thirteenth page or so, and of the header.
            for page in (0..64_u8).step_by(13) {
                self.write(
                    "vault",
                    &format!("v{}-{page}", version + 1),
                    &[version, page / 8, page % 8 * 32, 20, 0, 0xff],
                )?;
            }
        }
        Ok(())
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, found),
            path => found.push(path),
        }
    }
}
