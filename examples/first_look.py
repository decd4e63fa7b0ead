"""A first look: what does the shipped network see in one digit?

Run it from the project's folder: `python examples/first_look.py`. It prints the network's layers
and its answer, and writes `first_look.png`: the digit, and the regions that spoke for the answer.
"""

import nnviz as nv

model = nv.load("mnist-cnn")
digits = nv.data.load("sample")

print(model.summary())

digit = digits.x[:1]
answer = model.predict(digit)[0]
print(f"It is a {digits.y[0]}; the network says {answer.argmax()} and is {answer.max():.2%} sure.")

why = nv.grad_cam(model, digit)
print(nv.save_picture(why, "first_look.png", pictures=digit))
