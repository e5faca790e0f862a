// The notes of templates, in English as the files in workflows/ hold them, and in Chinese: [[English, Chinese]].

export const NOTES = [
  [
    "## What came before\n" +
    "The last 8 frames are given, the model generates the 8 before them.\n" +
    "\n" +
    "- **Another past:** change `seed` of *Generate*.\n" +
    "- **Fewer given frames:** lower `given` of *Mask*.\n" +
    "\n" +
    "**Your own clip:** drop a video anywhere on the editor: *Clip* takes it, and switches back to a sample.",
    "## 之前发生了什么\n" +
    "给定最后 8 帧，模型生成它们之前的 8 帧。\n" +
    "\n" +
    "- **另一种过去：** 修改 *生成* 的 `seed`。\n" +
    "- **更少的给定帧：** 调低 *遮罩* 的 `given`。\n" +
    "\n" +
    "**您自己的片段：** 把视频拖到编辑器任意位置：*片段* 会使用它，也可切换回示例。",
  ],
  [
    "## Fill in a part of the picture\n" +
    "A rectangle is taken out of frames 3 to 12 (striped in the mask), and with it all that happens there; the model fills it in. The frames before and after are given whole, so that what stands still keeps its detail.\n" +
    "\n" +
    "- **Another region:** draw on the timeline of *Mask*: choose frames, then drag with *Rectangle* or *Oval* over the picture. *Clear* starts anew.\n" +
    "- **A mask of your own:** *Clear* the timeline, choose the task *spatial* and connect *Load Image (as Mask)*, or any other mask, to `mask`: white is generated. One picture serves all frames.\n" +
    "- **A patch shows?** `edges` of *Result* shifts its colours to meet what is around it.\n" +
    "\n" +
    "**Your own clip:** drop a video anywhere on the editor: *Clip* takes it, and switches back to a sample.",
    "## 补全画面的一部分\n" +
    "从第 3 到第 12 帧中去掉一个矩形（遮罩中的条纹），其中发生的一切也随之去掉；由模型补全。前后各帧完整给定，因此静止之物保留细节。\n" +
    "\n" +
    "- **另一个区域：** 在 *遮罩* 的时间线上绘制：先选帧，再用矩形或椭圆在画面上拖动。清除按钮从头开始。\n" +
    "- **您自己的遮罩：** 清除时间线，选择任务 *spatial*，把 *加载图像（作为遮罩）* 或其他遮罩接到 `mask`：白色部分被生成。一张图片用于所有帧。\n" +
    "- **看得出补丁？** *结果* 的 `edges` 会调整其颜色以与周围衔接。\n" +
    "\n" +
    "**您自己的片段：** 把视频拖到编辑器任意位置：*片段* 会使用它，也可切换回示例。",
  ],
  [
    "## From one clip into the next\n" +
    "The last frames of one clip and the first ones of another are given; the model generates the 6 frames between them. (Here both are parts of one clip, so that you can compare with what was there.)\n" +
    "\n" +
    "- **More or fewer frames between:** change `length` of *Where the pictures stand*, or the `length` of the parts.\n" +
    "- **Another way:** change `seed` of *Generate*.\n" +
    "\n" +
    "**Your own clips:** connect a *Load Video* (through *Get Video Components*) to each of the two parts.",
    "## 从一个片段到下一个\n" +
    "给定一个片段的最后几帧和另一个片段的最初几帧；模型生成其间的 6 帧。（此处两者是同一片段的两部分，便于与原来的内容对比。）\n" +
    "\n" +
    "- **中间更多或更少的帧：** 修改 *图片的位置* 的 `length`，或两部分的 `length`。\n" +
    "- **另一种过渡：** 修改 *生成* 的 `seed`。\n" +
    "\n" +
    "**您自己的片段：** 给两部分各接一个 *加载视频*（经由 *获取视频组件*）。",
  ],
  [
    "## Longer than the model\n" +
    "The first 8 frames are given. *Extend* adds 20, window by window: the model sees 16 frames at once, and each window begins with the last 8 that are there.\n" +
    "\n" +
    "- **More or fewer:** change `frames`. The same seed begins the same way.\n" +
    "- **What came before:** set `direction` to before; a second *VDT Extend* does both.\n" +
    "- **Another clip:** choose it in *Clip*.\n" +
    "\n" +
    "*Result* decodes straight into the file: memory does not grow with the clip.\n" +
    "\n" +
    "**Your own clip:** drop a video anywhere on the editor: *Clip* takes it. `length` says how many of its frames are kept.",
    "## 比模型更长\n" +
    "给定前 8 帧。*延长* 逐个窗口增加 20 帧：模型一次看 16 帧，每个窗口从已有的最后 8 帧开始。\n" +
    "\n" +
    "- **更多或更少：** 修改 `frames`。同一种子的开头相同。\n" +
    "- **之前发生了什么：** 把 `direction` 设为 before；再加一个 *VDT 延长* 则两端都延长。\n" +
    "- **另一个片段：** 在 *片段* 中选择。\n" +
    "\n" +
    "*结果* 直接解码到文件：内存不随片段增长。\n" +
    "\n" +
    "**您自己的片段：** 把视频拖到编辑器任意位置：*片段* 会使用它。`length` 表示保留其中多少帧。",
  ],
  [
    "## From one picture to another\n" +
    "The first and the last frame are given; the model finds the way between them.\n" +
    "\n" +
    "- **Another way:** change `seed` of *Generate*.\n" +
    "- **Other places:** change `frame_1` and `frame_2` of *Where the pictures stand*; negative numbers count from the end.\n" +
    "\n" +
    "**Your own pictures:** put two *Load Image* in place of *First picture* and *Second picture*.",
    "## 从一张图片到另一张\n" +
    "给定第一帧和最后一帧；模型找出其间的过程。\n" +
    "\n" +
    "- **另一种过程：** 修改 *生成* 的 `seed`。\n" +
    "- **其他位置：** 修改 *图片的位置* 的 `frame_1` 和 `frame_2`；负数从末尾数起。\n" +
    "\n" +
    "**您自己的图片：** 用两个 *加载图像* 代替 *第一张图片* 和 *第二张图片*。",
  ],
  [
    "## A picture begins to move\n" +
    "Only the first frame of the clip is given; what happens is the model's idea.\n" +
    "\n" +
    "- **Another idea:** change `seed` of *Generate*.\n" +
    "- **The picture as the last frame:** set `frame` of *Mask* to -1.\n" +
    "\n" +
    "**Your own picture:** put *Load Image* in place of *Clip* (and set `fps` of *Clip to latents*, such as 20).",
    "## 图片动起来\n" +
    "只给定片段的第一帧；之后发生什么由模型决定。\n" +
    "\n" +
    "- **另一种想法：** 修改 *生成* 的 `seed`。\n" +
    "- **图片作为最后一帧：** 把 *遮罩* 的 `frame` 设为 -1。\n" +
    "\n" +
    "**您自己的图片：** 用 *加载图像* 代替 *片段*（并设置 *片段转潜变量* 的 `fps`，例如 20）。",
  ],
  [
    "## What lies between\n" +
    "Every 4th frame is given, and the last one; the model generates all between them.\n" +
    "\n" +
    "- **Larger gaps:** raise `every` of *Mask*.\n" +
    "- **Any other frames:** set `task` to *frames* and write them into `known`, such as `0-3,8,-1`.\n" +
    "\n" +
    "**Your own clip:** drop a video anywhere on the editor: *Clip* takes it, and switches back to a sample.",
    "## 其间是什么\n" +
    "给定每第 4 帧和最后一帧；模型生成其间的所有帧。\n" +
    "\n" +
    "- **更大的间隔：** 调高 *遮罩* 的 `every`。\n" +
    "- **任意其他帧：** 把 `task` 设为 *frames*，并写入 `known`，例如 `0-3,8,-1`。\n" +
    "\n" +
    "**您自己的片段：** 把视频拖到编辑器任意位置：*片段* 会使用它，也可切换回示例。",
  ],
  [
    "## A seamless loop\n" +
    "*Close the loop* with one clip alone turns it so that it begins in its middle, and makes room for the way from its end back to its beginning. The model generates these 8 frames; played again and again, the video has no seam.\n" +
    "\n" +
    "- **A longer way:** raise `frames`.\n" +
    "- **From one clip to another:** connect a second clip, of the same size, to `second`.\n" +
    "- **Another way:** change `seed` of *Generate*.\n" +
    "\n" +
    "**Your own clip:** drop a video anywhere on the editor: *Clip* takes it. `length` says how many of its frames are used.",
    "## 无缝循环\n" +
    "*闭合循环* 只接一个片段时，会让它从中间开始，并为从结尾回到开头的过程留出空间。模型生成这 8 帧；反复播放时视频没有接缝。\n" +
    "\n" +
    "- **更长的过程：** 调高 `frames`。\n" +
    "- **从一个片段到另一个：** 把同样尺寸的第二个片段接到 `second`。\n" +
    "- **另一种过程：** 修改 *生成* 的 `seed`。\n" +
    "\n" +
    "**您自己的片段：** 把视频拖到编辑器任意位置：*片段* 会使用它。`length` 表示使用其中多少帧。",
  ],
  [
    "## One timeline for other video models\n" +
    "*Mask* sets time and space, *Mask for the model* turns them into what Wan VACE takes: grey where it generates, a hard mask, a length of 4n + 1. No VDT model is loaded.\n" +
    "\n" +
    "It needs model files, which this pack does not bring: Wan 2.1 VACE 1.3B, its text encoder and its VAE (ComfyUI's own template *Wan VACE* names where they are). The studio has no such models: run it in ComfyUI.\n" +
    "\n" +
    "- **Your clip:** *Load Video* and *Get Video Components* in place of *Clip*.\n" +
    "- **Another model:** choose the `target`; the help page of *VDT Mask To Control* says which output goes where.\n" +
    "- **What was added or rounded** stands on that node. Frames that were added: *Image From Batch* after *Latents to pictures* cuts them off.",
    "## 一条时间线，用于其他视频模型\n" +
    "*遮罩* 设定时间和空间，*供模型使用的遮罩* 将其转换为 Wan VACE 所需：生成处为灰色、硬边遮罩、长度为 4n + 1。不加载任何 VDT 模型。\n" +
    "\n" +
    "它需要本节点包不附带的模型文件：Wan 2.1 VACE 1.3B、其文本编码器和 VAE（ComfyUI 自带的模板 *Wan VACE* 说明了下载位置）。studio 没有这些模型：请在 ComfyUI 中运行。\n" +
    "\n" +
    "- **您的片段：** 用 *加载视频* 和 *获取视频组件* 代替 *片段*。\n" +
    "- **另一个模型：** 选择 `target`；*VDT 遮罩转控制* 的帮助页说明每个输出接到哪里。\n" +
    "- **增加或取整了什么** 写在该节点上。增加的帧：在 *潜变量转图片* 之后用 *从批次获取图像* 截去。",
  ],
  [
    "## Several tasks in one pass\n" +
    "Two pictures are given, at frames 0 and 6. So the first one is **animated**, the frames up to the second are **interpolated**, and those after it are **predicted**: one mask, one model, one pass.\n" +
    "\n" +
    "- **Move the second picture:** change `frame_2` of *Where the pictures stand*.\n" +
    "- **More pictures:** `image_3` and `image_4`.\n" +
    "\n" +
    "**Your own pictures:** put two *Load Image* in place of *First picture* and *Second picture*.",
    "## 一次完成多个任务\n" +
    "在第 0 帧和第 6 帧给定两张图片。于是第一张 **动起来**，到第二张为止的帧被 **插值**，其后的帧被 **预测**：一个遮罩、一个模型、一次运行。\n" +
    "\n" +
    "- **移动第二张图片：** 修改 *图片的位置* 的 `frame_2`。\n" +
    "- **更多图片：** `image_3` 和 `image_4`。\n" +
    "\n" +
    "**您自己的图片：** 用两个 *加载图像* 代替 *第一张图片* 和 *第二张图片*。",
  ],
  [
    "## Around the picture\n" +
    "*Room around the picture* makes room beside the picture, in percent of its size, and the model generates what the camera did not see. The old pixels stay bit for bit.\n" +
    "\n" +
    "- **Other sides:** change `left`, `top`, `right`, `bottom`.\n" +
    "- **Other proportions:** a picture of 48x64 that grows by 17 % on the left and on the right is a square.\n" +
    "- **Another surrounding:** change `seed` of *Generate*.\n" +
    "\n" +
    "Pictures larger than the model's own 64x64 are generated in overlapping tiles.\n" +
    "\n" +
    "**Your own clip:** drop a video anywhere on the editor: *Clip* takes it. `length` says how many of its frames are used.",
    "## 画面之外\n" +
    "*画面四周的空间* 按画面尺寸的百分比在其旁边留出空间，模型生成相机没有看到的部分。原有像素逐位不变。\n" +
    "\n" +
    "- **其他边：** 修改 `left`、`top`、`right`、`bottom`。\n" +
    "- **其他比例：** 48x64 的画面左右各增加 17 % 就成为正方形。\n" +
    "- **另一种周围：** 修改 *生成* 的 `seed`。\n" +
    "\n" +
    "比模型自身的 64x64 更大的画面以重叠的图块生成。\n" +
    "\n" +
    "**您自己的片段：** 把视频拖到编辑器任意位置：*片段* 会使用它。`length` 表示使用其中多少帧。",
  ],
  [
    "## Your own clip goes on\n" +
    "**Drop a video anywhere on this editor**, or press the button of *Your clip, or a sample*; then *Run*. The same list switches back to a sample: no wire changes.\n" +
    "\n" +
    "- **Which part:** `start` of *Clip to latents* says from which second on, `length` how many frames are kept, `fps` how fast they are (0: as in the file).\n" +
    "- **Size:** `width` 64 is the model's own; `height` 0 keeps the proportions, upright clips too. Sound is kept.\n" +
    "- **How much is added:** `frames` of *Extend*.\n" +
    "\n" +
    "**What to expect:** the bundled model knows simulated balls and cylinders. Real footage comes out soft and wrong, and the nodes say so with a number: train it on your own clips (docs/training.md).",
    "## 您自己的片段继续下去\n" +
    "**把视频拖到编辑器任意位置**，或点击 *您的片段或示例* 的按钮；然后点击 *运行*。同一个列表可切换回示例：无需改动连线。\n" +
    "\n" +
    "- **哪一部分：** *片段转潜变量* 的 `start` 表示从第几秒开始，`length` 表示保留多少帧，`fps` 表示帧率（0：与文件相同）。\n" +
    "- **尺寸：** `width` 64 是模型自身的宽度；`height` 0 保持比例，竖屏视频也一样。声音会保留。\n" +
    "- **增加多少：** *延长* 的 `frames`。\n" +
    "\n" +
    "**会得到什么：** 随附模型只认识模拟的小球和圆柱。真实影像会模糊且不正确，节点会用数字说明：请用您自己的片段训练（docs/training.md）。",
  ],
  [
    "## Paint what is made anew\n" +
    "The white of a painted mask is generated in frames 3 to 12; everything else stays as it is, pixel for pixel.\n" +
    "\n" +
    "1. *Painted picture*: choose one, such as a frame of your clip, of **any size**.\n" +
    "2. Right-click it, *Open in MaskEditor*, paint, save. A picture that nothing was painted on generates nothing.\n" +
    "3. Run. *Mask* shows what is generated: stripes.\n" +
    "\n" +
    "The mask is resized and cut as the frames were: `policy` of *Mask* as that of *Clip to latents*.\n" +
    "\n" +
    "- **Other frames:** `known` of *Mask* lists those that are given, or set them on its timeline; the task *spatial* generates the white in all frames.\n" +
    "- **A mask that moves:** any MASK with one picture for each frame.\n" +
    "- **Larger, smaller:** *Grow Mask* before *Mask*.",
    "## 涂抹要重新生成的部分\n" +
    "涂抹遮罩的白色部分在第 3 到第 12 帧中生成；其余一切逐像素保持不变。\n" +
    "\n" +
    "1. *涂抹过的图片*：选择一张 **任意尺寸** 的图片，例如片段中的一帧。\n" +
    "2. 右键点击它，*在遮罩编辑器中打开*，涂抹，保存。没有涂抹的图片不会生成任何内容。\n" +
    "3. 运行。*遮罩* 显示要生成的部分：条纹。\n" +
    "\n" +
    "遮罩按与帧相同的方式缩放和裁剪：*遮罩* 的 `policy` 应与 *片段转潜变量* 的相同。\n" +
    "\n" +
    "- **其他帧：** *遮罩* 的 `known` 列出给定帧，也可在其时间线上设定；任务 *spatial* 在所有帧中生成白色部分。\n" +
    "- **移动的遮罩：** 任何每帧一张图片的 MASK。\n" +
    "- **更大、更小：** 在 *遮罩* 之前使用 *扩展遮罩*。",
  ],
  [
    "## What happens next\n" +
    "The first 8 frames are given (grey in the mask), the model generates the other 8.\n" +
    "\n" +
    "- **Another future:** change `seed` of *Generate*.\n" +
    "- **Fewer given frames:** lower `given` of *Mask*.\n" +
    "- **Another clip:** choose it in *Clip*.\n" +
    "\n" +
    "*Result against the truth* compares with what really happened.\n" +
    "\n" +
    "**Your own clip:** drop a video anywhere on the editor: *Clip* takes it, and switches back to a sample.",
    "## 接下来发生什么\n" +
    "给定前 8 帧（遮罩中的灰色），模型生成其余 8 帧。\n" +
    "\n" +
    "- **另一种未来：** 修改 *生成* 的 `seed`。\n" +
    "- **更少的给定帧：** 调低 *遮罩* 的 `given`。\n" +
    "- **另一个片段：** 在 *片段* 中选择。\n" +
    "\n" +
    "*结果与真实对比* 与实际发生的情况对比。\n" +
    "\n" +
    "**您自己的片段：** 把视频拖到编辑器任意位置：*片段* 会使用它，也可切换回示例。",
  ],
  [
    "## Slow motion\n" +
    "*Room between the frames* makes room between all frames of the clip; the model generates three new ones in each place, 16 frames at a time. The clip lasts four times as long; its own frames stay bit for bit.\n" +
    "\n" +
    "- **Slower or less slow:** change `every`; 2 doubles the length.\n" +
    "- **The same length, but smoother:** multiply the frames a second: set `fps` of *Result* by hand.\n" +
    "\n" +
    "**Your own clip:** drop a video anywhere on the editor: *Clip* takes it. `length` says how many of its frames are used.",
    "## 慢动作\n" +
    "*帧间的空间* 在片段的所有帧之间留出空间；模型在每处生成三个新帧，每次 16 帧。片段时长变为四倍；其自身的帧逐位不变。\n" +
    "\n" +
    "- **更慢或不那么慢：** 修改 `every`；2 使长度加倍。\n" +
    "- **长度相同但更流畅：** 提高帧率：手动设置 *结果* 的 `fps`。\n" +
    "\n" +
    "**您自己的片段：** 把视频拖到编辑器任意位置：*片段* 会使用它。`length` 表示使用其中多少帧。",
  ],
  [
    "## VDT under the stock KSampler\n" +
    "*Model* is an ordinary MODEL: every stock sampler and scheduler drives it. *Mask to the latents* says what is generated, *Conditioning* makes `cfg` the guidance by the given frames (1 is off and takes half the time; more follows them more closely).",
    "## 在原生 KSampler 下使用 VDT\n" +
    "*模型* 是普通的 MODEL：所有原生采样器和调度器都能驱动它。*遮罩写入潜变量* 说明生成什么，*条件* 使 `cfg` 成为按给定帧的引导（1 为关闭，用时减半；更高则更紧密地遵循给定帧）。",
  ],
  [
    "## Write what happens\n" +
    "The model makes all 16 frames from the sentence in *What happens*. Write your own, in English; of *Clip* it takes no more than length and size.\n" +
    "\n" +
    "- **Words it knows:** red, orange, yellow, green, cyan, blue, purple, pink; ball, cylinder; left, right; *bounces*, *hits*, *stops before*, *passes*. Other words are named on *What happens* and do nothing.\n" +
    "- **Another clip of the same sentence:** change `seed` of *Generate*. Name the colour of each thing: what has none takes any.\n" +
    "- **Closer to the words:** raise `text_guidance` of *Generate*; 1 is off.\n" +
    "- **Beginning with a picture:** choose *image_to_video* in *Mask*: the first frame of *Clip* is given, and the sentence says what follows.",
    "## 写下发生什么\n" +
    "模型根据 *发生什么* 中的句子生成全部 16 帧。请用英文写您自己的句子；*片段* 只提供长度和尺寸。\n" +
    "\n" +
    "- **它认识的词：** red、orange、yellow、green、cyan、blue、purple、pink；ball、cylinder；left、right；*bounces*、*hits*、*stops before*、*passes*。其他词会在 *发生什么* 上列出，不起作用。\n" +
    "- **同一句话的另一个片段：** 修改 *生成* 的 `seed`。请写明每个物体的颜色：没写的可以是任何颜色。\n" +
    "- **更紧跟文字：** 调高 *生成* 的 `text_guidance`；1 为关闭。\n" +
    "- **从一张图片开始：** 在 *遮罩* 中选择 *image_to_video*：给定 *片段* 的第一帧，句子说明之后发生什么。",
  ],
];
