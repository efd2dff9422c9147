"""hemline's runtime: pictures in, labels out, with numpy, OpenCV and one engine. TensorFlow never."""

__version__ = "0.1.0"
