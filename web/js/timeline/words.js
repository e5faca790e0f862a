// The words of the timeline, and what they are in Chinese. English is the key; {0} and {1} are filled in.

const CHINESE = {
  "Rectangle": "矩形",
  "Oval": "椭圆",
  "Lasso": "套索",
  "Brush": "画笔",
  "Move": "移动",
  "Erase": "擦除",
  "Animate": "动画",
  "Onion": "洋葱皮",
  "Peek": "透视",
  "Play": "播放",
  "Pause": "暂停",
  "Fit": "适应",
  "Clear": "清除",
  "Size": "大小",
  "Hardness": "硬度",
  "Keys": "快捷键",
  "Rectangle (R): drag over the picture": "矩形（R）：在画面上拖动",
  "Oval (O): drag over the picture": "椭圆（O）：在画面上拖动",
  "Lasso (L): draw around what is meant": "套索（L）：沿目标边缘圈出",
  "Brush (B): paint on the picture; [ and ] change its size": "画笔（B）：在画面上绘制；[ 和 ] 改变大小",
  "Move (M): click a shape, then drag it or its corners; with Animate on another frame sets a keyframe":
    "移动（M）：点选形状，再拖动它或它的角；开启“动画”时在其他帧拖动会设置关键帧",
  "Erase (E): what is painted now is given again": "擦除（E）：现在画的部分改为给定",
  "Animate (K): changes of a shape count from this frame on, and it goes there evenly; off, they count in all its frames":
    "动画（K）：形状的修改从本帧起生效并均匀过渡；关闭时对其所有帧生效",
  "Onion skin (N): where the chosen shape was and will be, and its path": "洋葱皮（N）：显示所选形状前后的位置与路径",
  "Peek (H): see the source under what will be generated; the model does not see it":
    "透视（H）：查看将被生成部分下面的源画面；模型看不到它",
  "Play or pause (P)": "播放或暂停（P）",
  "Show the whole clip and the whole picture (0)": "显示整段与整幅画面（0）",
  "Back to the task alone: all shapes and given frames set by hand go": "只保留任务：去掉所有手动设置的形状与给定帧",
  "Radius of the brush, in parts of the shorter side: [ and ]": "画笔半径，占短边的比例：[ 和 ]",
  "Where the brush begins to thin out: { and }. A mask has no grey, so a soft rim takes fewer and fewer pixels":
    "画笔从何处开始变稀：{ 和 }。遮罩没有灰度，柔边会逐渐减少像素",
  "All keys and gestures (?)": "所有快捷键与手势（?）",
  "Mask timeline: arrows choose frames, space gives or generates them": "遮罩时间线：方向键选择帧，空格切换给定或生成",
  "Frames: drag chooses, the line below gives or generates, the wheel zooms": "帧：拖动选择，下方的线切换给定或生成，滚轮缩放",
  "Shapes: drag a bar in time, its ends, or a keyframe": "形状：拖动条移动时间、拖动两端或关键帧",
  "Picture: draw what is generated; the wheel zooms, the middle button or Shift moves": "画面：绘制要生成的部分；滚轮缩放，中键或 Shift 拖动平移",
  "given": "给定",
  "generated": "生成",
  "partly": "部分",
  "{0} decided in the run": "{0} 运行时决定",
  "frame {0} of {1}": "第 {0} 帧，共 {1} 帧",
  "frames {0} of {1}": "第 {0} 帧，共 {1} 帧",
  "cannot be read: press Clear": "无法读取：请按“清除”",
  "nothing left to generate: fewer frames must be given than the {0} of the clip": "没有可生成的帧：给定的帧数必须少于片段的 {0} 帧",
  "a given frame is beyond the clip of {0} frames": "有给定帧超出了 {0} 帧的片段",
  "the list of given frames cannot be read: write it like 0-3,-1": "无法读取给定帧列表：请写成 0-3,-1 这样",
  "nothing is generated: all frames are given": "没有生成任何内容：所有帧都是给定的",
  "generated only inside the connected mask": "只在所连接的遮罩内生成",
  "removed from frames {0}: {1}": "已从第 {0} 帧移除：{1}",
  "removed from all their frames: {0}": "已从其所有帧移除：{0}",
  "the timeline comes through a wire": "时间线由连线输入",
  "there is no shape on frames {0}": "第 {0} 帧上没有形状",
  "1 shape": "1 个形状",
  "{0} shapes": "{0} 个形状",
  "copied: {0}": "已复制：{0}",
  "pasted at frame {0}: {1}": "已粘贴到第 {0} 帧：{1}",
  "nothing was copied yet": "还没有复制任何内容",
  "keyframe at frame {0}": "关键帧：第 {0} 帧",
  "keyframe removed at frame {0}": "已移除第 {0} 帧的关键帧",
  "shape changed at frame {0}": "形状在第 {0} 帧改变",
  "pictures of the file, before the run": "文件中的画面（运行前）",
  "no pictures before a run": "运行前没有画面",
  "HELP":
    "画面：R 矩形，O 椭圆，L 套索，B 画笔，M 移动，E 擦除；[ ] 大小，{ } 硬度；滚轮缩放，中键、Shift 或双指平移\n" +
    "动画：K 动画，选中形状后画同类形状会使它变形；Alt 拖动整个动画；N 洋葱皮\n" +
    "帧：方向键，Shift 连选，Ctrl 多选，Ctrl+A 全选，空格切换给定或生成，Home End\n" +
    "形状：Ctrl+C X V 复制剪切粘贴；Delete 从所选帧移除，Shift+Delete 从所有帧移除；Esc 取消选择\n" +
    "P 播放，H 透视，+ - 缩放，0 适应，Ctrl+Z 撤销",
};
const ENGLISH = {
  HELP:
    "Picture: R rectangle, O oval, L lasso, B brush, M move, E erase; [ ] size, { } hardness; wheel zooms, middle button, Shift or two fingers move\n" +
    "Animate: K animate; with a shape chosen, one more of its kind is what it changes into; Alt drags the whole way; N onion skin\n" +
    "Frames: arrows, Shift for all between, Ctrl for single ones, Ctrl+A for all; space gives or generates; Home, End\n" +
    "Shapes: Ctrl+C X V; Delete takes them from the chosen frames, Shift+Delete from all; Esc chooses none\n" +
    "P play, H peek, + - zoom, 0 whole, Ctrl+Z undo",
};

/** A function that says a text in the editor's language, with these values in it. */
export function translator(locale) {
  const chinese = String(locale ?? "").startsWith("zh");
  return (text, ...values) => {
    const said = (chinese && CHINESE[text]) || ENGLISH[text] || text;
    return said.replace(/\{(\d)\}/g, (_, place) => values[place] ?? "");
  };
}

export const WORDS = Object.keys(CHINESE);
