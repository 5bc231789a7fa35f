// Draw a mesh with WebGL 2.

const VERTEX = `#version 300 es
in vec3 position, normal;
in float spread;
uniform mat3 turn;
uniform vec2 scale;
out vec3 n;
out float s;
out float height;
void main() {
  vec3 p = turn * position;
  n = turn * normal;
  s = spread;
  height = position.z;
  gl_Position = vec4(p.xy * scale, -p.z / 128.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec3 n;
in float s;
in float height;
uniform vec3 stops[5], plain, light;
uniform float top, cut;
out vec4 colour;
void main() {
  if (height > cut) discard;
  vec3 normal = normalize(n);
  float behind = step(normal.z, 0.0);
  normal = mix(normal, -normal, behind);
  vec3 base = plain;
  if (top > 0.0) {
    float place = clamp(s / top, 0.0, 1.0) * 4.0;
    base = stops[0];
    for (int i = 0; i < 4; i++) base = mix(base, stops[i + 1], clamp(place - float(i), 0.0, 1.0));
  }
  float lit = max(dot(normal, light), 0.0);
  float shine = pow(max(reflect(-light, normal).z, 0.0), 24.0);
  vec3 seen = base * (0.38 + 0.2 * normal.z + 0.6 * lit) + 0.12 * shine;
  seen *= 0.72 + 0.28 * smoothstep(0.0, 0.45, normal.z); // the rim is darker, which shows form
  colour = vec4(mix(seen, seen * 0.5, behind), 1.0);
}`;

const CAP_VERTEX = `#version 300 es
in vec2 corner;
uniform mat3 turn;
uniform vec2 scale;
uniform float height, half_edge;
out vec2 place;
void main() {
  vec3 p = turn * vec3(corner * half_edge, height);
  place = vec2(corner.x, -corner.y) * 0.5 + 0.5;
  gl_Position = vec4(p.xy * scale, -p.z / 128.0, 1.0);
}`;

const CAP_FRAGMENT = `#version 300 es
precision highp float;
in vec2 place;
uniform sampler2D picture;
out vec4 colour;
void main() {
  vec4 seen = texture(picture, place);
  if (seen.a < 0.5) discard;
  colour = vec4(seen.rgb, 1.0);
}`;

class WebGLRenderer {
  /** Throws where there is no WebGL 2. */
  constructor(canvas) {
    this.canvas = canvas;
    this.coarse = false;
    const gl = canvas.getContext("webgl2", { antialias: true, alpha: true });
    if (!gl) throw new Error("WebGL 2 is missing.");
    this.gl = gl;
    this.program = programOf(gl, VERTEX, FRAGMENT);
    this.cap = programOf(gl, CAP_VERTEX, CAP_FRAGMENT);
    this.buffers = {};
    for (const name of ["positions", "normals", "spreads", "indices", "corners"]) {
      this.buffers[name] = gl.createBuffer();
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    this.texture = gl.createTexture();
    this.count = 0;
  }

  setMesh(mesh) {
    const gl = this.gl;
    for (const name of ["positions", "normals", "spreads"]) {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
      gl.bufferData(gl.ARRAY_BUFFER, mesh[name], gl.STATIC_DRAW);
    }
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers.indices);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.indices, gl.STATIC_DRAW);
    this.count = mesh.indices.length;
  }

  /** Set what is seen where the shape is cut: ImageData of 64 x 64. */
  setCap(picture) {
    const gl = this.gl;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    for (const name of ["TEXTURE_MIN_FILTER", "TEXTURE_MAG_FILTER"]) {
      gl.texParameteri(gl.TEXTURE_2D, gl[name], gl.LINEAR);
    }
    for (const name of ["TEXTURE_WRAP_S", "TEXTURE_WRAP_T"]) {
      gl.texParameteri(gl.TEXTURE_2D, gl[name], gl.CLAMP_TO_EDGE);
    }
  }

  /** Draw; see Viewer.view. */
  draw(view) {
    const gl = this.gl;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    if (!this.count) return;
    const scale = [(2 * view.pixels) / this.canvas.width, (2 * view.pixels) / this.canvas.height];
    const use = (program) => {
      gl.useProgram(program);
      gl.uniformMatrix3fv(gl.getUniformLocation(program, "turn"), true, view.turn);
      gl.uniform2fv(gl.getUniformLocation(program, "scale"), scale);
    };
    const uniform = (name) => gl.getUniformLocation(this.program, name);
    use(this.program);
    gl.uniform3fv(uniform("stops"), STOPS.flat().map((value) => value / 255));
    gl.uniform3fv(uniform("plain"), view.plain.map((value) => value / 255));
    gl.uniform3fv(uniform("light"), LIGHT);
    gl.uniform1f(uniform("top"), view.top);
    gl.uniform1f(uniform("cut"), view.cut === null ? 1e6 : view.cut);
    this.attribute(this.program, "position", "positions", 3);
    this.attribute(this.program, "normal", "normals", 3);
    this.attribute(this.program, "spread", "spreads", 1);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers.indices);
    gl.drawElements(gl.TRIANGLES, this.count, gl.UNSIGNED_INT, 0);
    if (view.cut === null) return;
    use(this.cap);
    gl.uniform1f(gl.getUniformLocation(this.cap, "height"), view.cut);
    gl.uniform1f(gl.getUniformLocation(this.cap, "half_edge"), N / 2);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    this.attribute(this.cap, "corner", "corners", 2);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  attribute(program, name, buffer, size) {
    const gl = this.gl;
    const at = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[buffer]);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, gl.FLOAT, false, 0, 0);
  }
}

function programOf(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
  return program;
}
