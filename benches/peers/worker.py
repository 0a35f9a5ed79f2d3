"""The other side: the same photos through another stack, in the words of `benches/peers.rs`.

worker.py STACK MODELS THREADS PHOTO...
"""

import contextlib
import json
import os
import resource
import sys
import threading
import time


# ONNX Runtime is not to report on what is measured here.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def insightface(models, threads, photos):
    """FaceAnalysis as its documentation uses it, on a folder with the detector and the embedder."""
    import cv2
    import numpy as np
    from insightface.app import FaceAnalysis

    with contextlib.redirect_stdout(sys.stderr):
        app = FaceAnalysis(name=models, providers=["CPUExecutionProvider"])
        app.prepare(ctx_id=-1)

    def one(photo):
        picture = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
        return bool(app.get(picture, max_num=1))

    return lambda: sum(map(one, photos))


def opencv(models, threads, photos):
    """FaceDetectorYN on the official YuNet, at the picture's own size up to a longer side of 640."""
    import cv2
    import numpy as np

    cv2.setNumThreads(threads)
    detector = cv2.FaceDetectorYN.create(os.path.join(models, "face_detection_yunet_2023mar.onnx"), "", (320, 320), 0.6)

    def one(photo):
        picture = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
        height, width = picture.shape[:2]
        scale = min(1.0, 640 / max(height, width))
        if scale < 1.0:
            picture = cv2.resize(picture, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        detector.setInputSize((picture.shape[1], picture.shape[0]))
        return detector.detect(picture)[1] is not None

    return lambda: sum(map(one, photos))


def face_recognition(models, threads, photos):
    """face_recognition as its documentation uses it: HOG detector, small landmark model."""
    import io

    import face_recognition as fr

    def one(photo):
        picture = fr.load_image_file(io.BytesIO(photo))
        boxes = fr.face_locations(picture)
        largest = sorted(boxes, key=lambda box: (box[2] - box[0]) * (box[1] - box[3]))[-1:]
        return bool(fr.face_encodings(picture, largest, model="small"))

    return lambda: sum(map(one, photos))


def floor(models, threads, photos):
    """The bare networks: detector and embedder of the stock files, one after the other, for each
    photo, by so many threads with a session of one thread each, and nothing around them."""
    import cv2
    import numpy as np
    import onnxruntime as ort

    ort.set_default_logger_severity(3)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")

    def session(name):
        return ort.InferenceSession(os.path.join(models, name), options, providers=["CPUExecutionProvider"])

    def size(photo):
        height, width = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR).shape[:2]
        scale = min(1.0, 640 / max(height, width))
        return tuple(-(-round(side * scale) // 32) * 32 for side in (height, width))

    generator = np.random.default_rng(1)
    inputs = {s: generator.standard_normal((1, 3, *s), np.float32) for s in {size(photo) for photo in photos}}
    sizes = [size(photo) for photo in photos]
    face = generator.standard_normal((1, 3, 112, 112), np.float32)
    workers = [(session("scrfd_500m_kps.onnx"), session("espdl_mbf.onnx")) for _ in range(threads)]

    def run():
        todo = iter(sizes)
        lock = threading.Lock()

        def work(detector, embedder):
            while True:
                with lock:
                    next_size = next(todo, None)
                if next_size is None:
                    return
                detector.run(None, {"input.1": inputs[next_size]})
                embedder.run(None, {"input.1": face})

        running = [threading.Thread(target=work, args=pair) for pair in workers]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        return len(sizes)

    return run


def main():
    stack, models, threads, *paths = sys.argv[1:]
    photos = []
    for path in paths:
        with open(path, "rb") as file:
            photos.append(file.read())
    stacks = {"insightface": insightface, "opencv": opencv, "face_recognition": face_recognition, "floor": floor}
    run = stacks[stack](models, int(threads), photos)
    run()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        faces = run()
        seconds = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"seconds": seconds, "faces": faces, "memory": memory}), flush=True)


main()
